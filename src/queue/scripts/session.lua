-- What every script about one session's queue starts with: its keys, its time, and how a chat is filed.
--
-- KEYS, in this order; src/queue/keys.rs says what each of them holds:
--    1 state  2 jobs  3 line  4 ready  5 due  6 held  7 sent
-- ARGV[1] the time in Unix milliseconds, or '' for this server's own.
--
-- A chat that has messages is in exactly one place: in `held` while a sender has its first message; else that first message
-- is in `due` until its time comes, then in `ready`, among those that an earlier holder never settled or in its priority.

local call, find, number = redis.call, string.match, tonumber
local STATE, JOBS, LINE, READY, DUE, HELD, SENT = unpack(KEYS)

-- The score in `ready` is the rank, then the place in the line, which is a time in milliseconds.
local RANK = 10000000000000
local RANKS = { again = 0, high = 1, normal = 2, low = 3 }

local now = number(ARGV[1])
if not now then
  local time = call('TIME')
  now = number(time[1]) * 1000 + math.floor(number(time[2]) / 1000)
end

local function text(value)
  return string.format('%.0f', value)
end

-- The server process at work: the one that the caller talks to, or, where several serve (a cluster) and '' was told, the one
-- that runs this.
local function server_process(told)
  return told ~= '' and told or find(call('INFO', 'server'), 'run_id:(%x+)')
end

local function wake()
  call('PUBLISH', 'drover:wake', find(STATE, '{(.-)}'))
end

-- Wakes who was told to wait for work; `awaited` is the state's field.
local function wake_who_waits(awaited)
  if awaited == '1' then
    call('HSET', STATE, 'is_awaited', 0)
    wake()
  end
end

-- A job is kept as text that redis-cli shows: chat|priority|place|not before|deliveries|abandoned
local function read_job(id)
  local packed = call('HGET', JOBS, id)
  if not packed then return nil end
  local chat, priority, place, not_before, deliveries, abandoned =
    find(packed, '^([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)$')
  return {
    id = id, chat = chat, priority = priority, place = number(place), not_before = number(not_before),
    deliveries = number(deliveries), abandoned = abandoned == '1',
  }
end

local function pack_job(job)
  return table.concat({
    job.chat, job.priority, text(job.place), text(job.not_before), job.deliveries, job.abandoned and '1' or '0',
  }, '|')
end

local function line_member(chat, place, id)
  return chat .. '|' .. string.format('%015.0f', place) .. '|' .. id
end

-- The ids of a chat's first messages, in order.
local function first_of(chat, count)
  local members = call('ZRANGEBYLEX', LINE, '[' .. chat .. '|', '(' .. chat .. '}', 'LIMIT', 0, count)
  for index, member in ipairs(members) do
    members[index] = find(member, '^[^|]*|[^|]*|(.*)$')
  end
  return members
end

-- Files a message for later. `due_at` of the state is never later than the first of them, so that nobody has to look before.
local function postpone(id, until_at)
  call('ZADD', DUE, text(until_at), id)
  local due_at = number(call('HGET', STATE, 'due_at') or nil)
  if not due_at or until_at < due_at then call('HSET', STATE, 'due_at', text(until_at)) end
end

-- Files the first message of a chat that is filed nowhere.
local function file(job)
  if job.not_before > now then
    postpone(job.id, job.not_before)
  else
    local rank = RANKS[job.abandoned and 'again' or job.priority]
    call('ZADD', READY, text(rank * RANK + job.place), job.id)
  end
end

-- Files a chat that is filed nowhere, by its first message; whether it has one.
local function file_first_of(chat)
  local id = first_of(chat, 1)[1]
  if id then file(read_job(id)) end
  return id ~= nil
end

local function unfile(id)
  if call('ZREM', READY, id) == 0 then call('ZREM', DUE, id) end
end

-- A claim is kept by its chat: end of the lease|when it was claimed|token|owner|place|id
local function read_hold(packed)
  local lease_end, claimed_at, token, owner, place, id =
    find(packed, '^([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)$')
  return {
    lease_end = number(lease_end), claimed_at = claimed_at, token = token, owner = owner, place = number(place), id = id,
  }
end

-- Gives back what a holder never settled.
local function abandon(chat, id)
  call('HDEL', HELD, chat)
  local job = read_job(id)
  if job then
    job.deliveries, job.abandoned = job.deliveries + 1, true
    call('HSET', JOBS, id, pack_job(job))
  end
  file_first_of(chat)
end

-- When the latest messages to a chat were claimed, the latest last.
local function to_chat(chat)
  return string.sub(STATE, 1, -6) .. 'to:' .. chat
end

-- The pace is one field of the state: may go on at|burst used up to|claims since a normal one|claims since a low one|day|messages
-- that day|times in `sent`
local DAY = 86400000
local function read_pace(packed)
  if not packed then return { next_at = 0, bucket = 0, normal = 0, low = 0, day = 0, in_day = 0, kept = 0 } end
  local next_at, bucket, normal, low, day, in_day, kept =
    find(packed, '^([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)$')
  return {
    next_at = number(next_at), bucket = number(bucket), normal = number(normal), low = number(low),
    day = number(day), in_day = number(in_day), kept = number(kept),
  }
end

local function pack_pace(pace)
  return string.format('%.0f|%.3f|%d|%d|%d|%d|%d',
    pace.next_at, pace.bucket, pace.normal, pace.low, pace.day, pace.in_day, pace.kept)
end

-- What settling and claiming need, read once: the state's fields, and the claims by chat.
local function read_state()
  local fields = call('HMGET', STATE,
    'server', 'paused', 'paused_all', 'failures', 'open_until', 'pace', 'is_awaited', 'last', 'due_at')
  local state = {
    server = fields[1], paused = fields[2], paused_all = fields[3], failures = number(fields[4] or nil) or 0,
    open_until = number(fields[5] or nil) or 0, pace = read_pace(fields[6]), is_awaited = fields[7] == '1', last = fields[8],
    due_at = number(fields[9] or nil), holds = {},
  }
  local holds = call('HGETALL', HELD)
  for index = 1, #holds, 2 do
    state.holds[holds[index]] = read_hold(holds[index + 1])
  end
  return state
end
