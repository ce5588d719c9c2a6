-- Hands out the next message that may be sent, with a lease; or says why there is none, and when to ask again.
--
-- KEYS and ARGV[1] as session.lua has them.
-- ARGV[2] the server process the caller talks to ('' for a cluster)   ARGV[3] the caller   ARGV[4] a random token   ARGV[5] length of the lease (ms)
-- ARGV[6] pause after this message (ms), jitter included   ARGV[7] messages a minute   ARGV[8] how many at once
-- ARGV[9] messages an hour   ARGV[10] messages a minute to one chat   ARGV[11] failures that open the circuit
-- A limit of 0 is none.
-- Returns {'claimed', id, deliveries, '1' if an earlier holder never settled it, end of the lease, now}
-- or {'wait', cause, when to ask again or '' if only a wake-up helps, now}.

local server, owner, token = server_process(ARGV[2]), ARGV[3], ARGV[4]
local lease_ms, gap_ms = tonumber(ARGV[5]), tonumber(ARGV[6])
local per_minute, burst, per_hour = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local per_chat, circuit_failures = tonumber(ARGV[10]), tonumber(ARGV[11])
local MINUTE, HOUR = 60000, 3600000

-- What one call does at most of what could be much: expired leases, chats that became due, chats that had their share.
local PORTION = 64
-- So many claims in a row may pass over a waiting message of the lower priority.
local PATIENCE = { normal = 3, low = 15 }

local state = redis.call('HMGET', STATE, 'server', 'paused', 'paused_all', 'failures', 'open_until',
  'next_at', 'bucket', 'passed_normal', 'passed_low')
local failures, open_until = tonumber(state[4]) or 0, tonumber(state[5]) or 0
local next_at, bucket = tonumber(state[6]) or 0, tonumber(state[7]) or 0
local passed = { normal = tonumber(state[8]) or 0, low = tonumber(state[9]) or 0 }

local function wait(cause, at)
  return { 'wait', cause, at and text(at) or '', text(now) }
end

-- Waits for a time, or for whoever holds a message to settle it.
local function wait_for_holder(cause, at)
  local lease = redis.call('ZRANGE', LEASES, 0, 0, 'WITHSCORES')
  if lease[2] then
    redis.call('HSET', STATE, 'is_awaited', 1)
    at = at and math.min(at, tonumber(lease[2])) or tonumber(lease[2])
  end
  return wait(cause, at)
end

-- When the `count`th message back is `span` old; nil if it is, or there are fewer.
local function window_end(count, span)
  if count == 0 or redis.call('ZCARD', SENT) < count then return nil end
  local entry = redis.call('ZREVRANGE', SENT, count - 1, count - 1, 'WITHSCORES')
  local at = tonumber(entry[2]) + span
  return at > now and at or nil
end

if state[1] ~= server then return wait('loading') end

for _, id in ipairs(redis.call('ZRANGEBYSCORE', LEASES, '-inf', now, 'LIMIT', 0, PORTION)) do
  abandon(id)
end

if state[2] == '1' or state[3] == '1' then return wait('paused') end

if redis.call('EXISTS', AGAIN, HIGH, NORMAL, LOW, DUE) == 0 then
  return wait_for_holder(redis.call('EXISTS', LEASES) == 1 and 'in_flight' or 'empty')
end

if circuit_failures > 0 and failures >= circuit_failures then
  if open_until > now then return wait('circuit_open', open_until) end
  -- Half open: one at a time, until one succeeds.
  if redis.call('EXISTS', LEASES) == 1 then return wait_for_holder('circuit_open') end
end

if next_at > now then return wait('gap', next_at) end
local interval = per_minute > 0 and MINUTE / per_minute or 0
bucket = math.max(bucket, now)
if per_minute > 0 and burst > 0 and bucket - (burst - 1) * interval > now then
  return wait('per_minute', math.ceil(bucket - (burst - 1) * interval))
end
local minute_end = window_end(per_minute, MINUTE)
if minute_end then return wait('per_minute', minute_end) end
local hour_end = window_end(per_hour, HOUR)
if hour_end then return wait('per_hour', hour_end) end

for _, chat in ipairs(redis.call('ZRANGEBYSCORE', DUE, '-inf', now, 'LIMIT', 0, PORTION)) do
  redis.call('ZREM', DUE, chat)
  file(chat)
end

-- The set to take from, and its first chat.
local function pick()
  local again = redis.call('ZRANGE', AGAIN, 0, 0)[1]
  if again then return 'again', again end
  local high, normal, low =
    redis.call('ZRANGE', HIGH, 0, 0)[1], redis.call('ZRANGE', NORMAL, 0, 0)[1], redis.call('ZRANGE', LOW, 0, 0)[1]
  if low and passed.low >= PATIENCE.low then return 'low', low end
  if normal and passed.normal >= PATIENCE.normal then return 'normal', normal end
  if high then return 'high', high end
  if normal then return 'normal', normal end
  return 'low', low
end

local function pass_over(set)
  if set == 'again' then return end
  if set == 'high' and redis.call('EXISTS', NORMAL) == 1 then passed.normal = passed.normal + 1 end
  if set ~= 'low' and redis.call('EXISTS', LOW) == 1 then passed.low = passed.low + 1 end
  if passed[set] then passed[set] = 0 end
end

local to_prefix = string.sub(STATE, 1, -#'state' - 1) .. 'to:'

-- When the chat may have another; nil if at once.
local function share_end(chat)
  if per_chat == 0 then return nil end
  local oldest = tonumber(redis.call('LINDEX', to_prefix .. chat, per_chat - 1) or nil)
  return oldest and oldest + MINUTE > now and oldest + MINUTE or nil
end

for _ = 1, PORTION do
  local set, chat = pick()
  if not chat then
    local due = redis.call('ZRANGE', DUE, 0, 0, 'WITHSCORES')
    if not due[2] then return wait_for_holder('in_flight') end
    return wait_for_holder(share_end(due[1]) and 'per_recipient' or 'not_due', tonumber(due[2]))
  end
  redis.call('ZREM', READY[set], chat)
  local share_at = share_end(chat)
  if share_at then
    redis.call('ZADD', DUE, share_at, chat)
  else
    local job = read_job(first_of(chat, 1)[1])
    job.deliveries, job.token, job.owner = job.deliveries + 1, token, owner
    write_job(job)
    redis.call('ZADD', LEASES, now + lease_ms, job.id)
    redis.call('SADD', HELD, chat)
    redis.call('ZADD', SENT, now, token)
    redis.call('ZREMRANGEBYSCORE', SENT, '-inf', now - HOUR)
    if per_chat > 0 then
      redis.call('LPUSH', to_prefix .. chat, text(now))
      redis.call('LTRIM', to_prefix .. chat, 0, per_chat - 1)
      redis.call('PEXPIRE', to_prefix .. chat, MINUTE)
    end
    pass_over(set)
    redis.call('HSET', STATE, 'next_at', text(now + gap_ms), 'bucket', string.format('%.3f', bucket + interval),
      'passed_normal', passed.normal, 'passed_low', passed.low,
      -- What `release` puts back, unless another claim came between.
      'last_token', token, 'last_next_at', text(next_at), 'last_bucket', string.format('%.3f', bucket))
    return { 'claimed', job.id, text(job.deliveries), job.abandoned and '1' or '0', text(now + lease_ms), text(now) }
  end
end
return wait('per_recipient', now)
