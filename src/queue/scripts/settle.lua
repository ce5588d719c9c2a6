-- Settles a claim, if it still holds.
--
-- KEYS and ARGV[1] as session.lua has them.
-- ARGV[2] id   ARGV[3] the claim's token   ARGV[4] ack, retry, bury, bury_spent, release or void
-- ARGV[5] for retry: after so many milliseconds   ARGV[6] failures that open the circuit   ARGV[7] how long it stays open (ms)
-- Returns 1, or 0 when the claim does not hold any more: then nothing changed.

local id, token, verdict = ARGV[2], ARGV[3], ARGV[4]
local job = read_job(id)
if not job or job.token ~= token then return 0 end

-- Nothing was sent: the pace is as it was before the claim.
local function give_back_rate()
  redis.call('ZREM', SENT, token)
  redis.call('LPOP', string.sub(STATE, 1, -#'state' - 1) .. 'to:' .. job.chat)
  local last = redis.call('HMGET', STATE, 'last_token', 'last_next_at', 'last_bucket')
  if last[1] == token then
    redis.call('HSET', STATE, 'next_at', last[2], 'bucket', last[3])
  end
end

let_go(job)
if verdict == 'retry' then
  job.not_before, job.abandoned = now + tonumber(ARGV[5]), false
  write_job(job)
elseif verdict == 'release' then
  job.deliveries = job.deliveries - 1
  write_job(job)
  give_back_rate()
else
  redis.call('HDEL', JOBS, id)
  redis.call('ZREM', LINE, line_member(job))
  if verdict == 'void' then give_back_rate() end
end
file(job.chat)

local state = redis.call('HMGET', STATE, 'failures', 'is_awaited')
if verdict == 'retry' or verdict == 'bury_spent' then
  local failures, limit = (tonumber(state[1]) or 0) + 1, tonumber(ARGV[6])
  redis.call('HSET', STATE, 'failures', failures)
  if limit > 0 and failures >= limit then
    redis.call('HSET', STATE, 'open_until', text(now + tonumber(ARGV[7])))
  end
elseif verdict == 'ack' and state[1] and state[1] ~= '0' then
  redis.call('HSET', STATE, 'failures', 0)
end
if state[2] == '1' then
  redis.call('HSET', STATE, 'is_awaited', 0)
  wake()
end
return 1
