-- What every script about one session's queue starts with: its keys, its time, and how a chat is filed.
--
-- KEYS, in this order; src/queue/keys.rs says what each of them holds:
--    1 state  2 jobs  3 line  4 again  5 high  6 normal  7 low  8 due  9 leases  10 held  11 sent
-- ARGV[1] the time in Unix milliseconds, or '' for this server's own.
--
-- A chat that has messages is in exactly one place: `held` while a sender has its first message; else, by that first
-- message, in `due` until its time comes, then in `again` (an earlier holder never settled it) or in its priority's set.

local STATE, JOBS, LINE, DUE, LEASES, HELD, SENT =
  KEYS[1], KEYS[2], KEYS[3], KEYS[8], KEYS[9], KEYS[10], KEYS[11]
local AGAIN, HIGH, NORMAL, LOW = KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local READY = { again = AGAIN, high = HIGH, normal = NORMAL, low = LOW }

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function text(number)
  return string.format('%.0f', number)
end

-- The server process at work: the one that the caller talks to, or, where several serve (a cluster) and '' was told, the one
-- that runs this.
local function server_process(told)
  return told ~= '' and told or string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
end

local function wake()
  redis.call('PUBLISH', 'drover:wake', string.match(STATE, '{(.-)}'))
end

-- A job is kept as text that redis-cli shows: chat|priority|place|not before|deliveries|abandoned|token|owner
local function read_job(id)
  local packed = redis.call('HGET', JOBS, id)
  if not packed then return nil end
  local chat, priority, place, not_before, deliveries, abandoned, token, owner =
    string.match(packed, '^([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)$')
  return {
    id = id, chat = chat, priority = priority, place = tonumber(place), not_before = tonumber(not_before),
    deliveries = tonumber(deliveries), abandoned = abandoned == '1', token = token, owner = owner,
  }
end

local function write_job(job)
  redis.call('HSET', JOBS, job.id, table.concat({
    job.chat, job.priority, text(job.place), text(job.not_before), text(job.deliveries),
    job.abandoned and '1' or '0', job.token, job.owner,
  }, '|'))
end

local function line_member(job)
  return job.chat .. '|' .. string.format('%015.0f', job.place) .. '|' .. job.id
end

-- The ids of a chat's first messages, in order.
local function first_of(chat, count)
  local members = redis.call('ZRANGEBYLEX', LINE, '[' .. chat .. '|', '(' .. chat .. '}', 'LIMIT', 0, count)
  for index, member in ipairs(members) do
    members[index] = string.match(member, '[^|]*$')
  end
  return members
end

-- Files a chat that is filed nowhere, by its first message; whether it has one.
local function file(chat)
  local job_id = first_of(chat, 1)[1]
  if not job_id then return false end
  local job = read_job(job_id)
  if job.not_before > now then
    redis.call('ZADD', DUE, job.not_before, chat)
  else
    redis.call('ZADD', job.abandoned and AGAIN or READY[job.priority], job.place, chat)
  end
  return true
end

local function unfile(chat)
  for index = 4, 8 do
    redis.call('ZREM', KEYS[index], chat)
  end
end

-- Takes a claimed message away from its holder; it stays where it was in its chat's line.
local function let_go(job)
  job.token, job.owner = '', ''
  redis.call('ZREM', LEASES, job.id)
  redis.call('SREM', HELD, job.chat)
end

-- Gives back what a holder never settled.
local function abandon(id)
  local job = read_job(id)
  if not job then
    redis.call('ZREM', LEASES, id)
    return
  end
  let_go(job)
  job.abandoned = true
  write_job(job)
  file(job.chat)
end
