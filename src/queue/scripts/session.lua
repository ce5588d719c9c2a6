-- What every function about one session's queue starts with: its keys, its time and its state.
--
-- KEYS, in this order; src/queue/keys.rs says what each of them holds:
--    1 state  2 line  3 ready  4 due  5 sent  6 tried
-- ARGV[1] the time in Unix milliseconds, or '' for this server's own.
--
-- All there is to know is in one table, `queue`, which the functions are given. Numbers go to Redis as text, which is cheaper.

-- What is called from outside, by its name: as a function where Redis keeps them made, else as a script, which makes all of this
-- anew with each call.
local scripts = {}

-- redis.call, which is not there yet while Redis takes the functions in.
local call

-- The queues of the last calls, by the key of the state: to read a state costs more than to decide by it. One is used only while
-- the state that Redis holds is, to the byte, the one that was written from it: so it shows whoever else wrote one, and whatever
-- Redis lost meanwhile. A call that fails, or that changes nothing, leaves its queue unlike any state.
local MOST_KNOWN, UNLIKE_ANY = 4096, ''
local known, known_count = {}, 0

local function unpack_state(state, packed)
  local server, loading, paused, paused_all, is_awaited, failures, open_until, next_at, bucket, due_at, passed_normal,
    passed_low, day, in_day, kept, unindexed, tried, claims, held, at =
    struct.unpack('<Bc0Bc0Bc0BBI4ddddI4I4I4I4I4I4I4I4I4', packed)
  local holds = {}
  for index = 1, held do
    local token, member, lease_end, claimed_at, was_next_at, was_bucket, claim
    token, member, lease_end, claimed_at, was_next_at, was_bucket, claim, at = struct.unpack('<Bc0Hc0ddddI4', packed, at)
    holds[index] = {
      token = token, member = member, lease_end = lease_end, claimed_at = claimed_at, was_next_at = was_next_at,
      was_bucket = was_bucket, claim = claim,
    }
  end
  -- The latest time at which it was written; an earlier drover wrote none.
  local seen = at <= #packed and struct.unpack('<d', packed, at) or 0
  return {
    now = 0, state = state, line = '', ready = '', due = '', sent = '', tried_ones = '', packed = UNLIKE_ANY,
    server = server, loading = loading, paused = paused, paused_all = paused_all, is_awaited = is_awaited,
    failures = failures, open_until = open_until, next_at = next_at, bucket = bucket, due_at = due_at,
    passed_normal = passed_normal, passed_low = passed_low, day = day, in_day = in_day, kept = kept, unindexed = unindexed,
    tried = tried, claims = claims, holds = holds, seen = seen,
  }
end

local function new_state(state)
  return {
    now = 0, state = state, line = '', ready = '', due = '', sent = '', tried_ones = '', packed = UNLIKE_ANY,
    server = '', loading = '', paused = '', paused_all = 0, is_awaited = 0, failures = 0, open_until = 0, next_at = 0,
    bucket = 0, due_at = math.huge, passed_normal = 0, passed_low = 0, day = 0, in_day = 0, kept = 0, unindexed = 0,
    tried = 0, claims = 0, holds = {}, seen = 0,
  }
end

-- The state is one packed value, so that it costs one command to read and one to write: see `write`.
local function open(KEYS, ARGV)
  call = redis.call
  local now
  if ARGV[1] == '' then
    local time = call('TIME')
    now = time[1] * 1000 + math.floor(time[2] / 1000)
  else
    now = tonumber(ARGV[1])
  end

  local state = KEYS[1]
  local packed, queue = call('GET', state), known[state]
  if not queue or queue.packed ~= packed then
    queue = packed and unpack_state(state, packed) or new_state(state)
    queue.line, queue.ready, queue.due, queue.sent, queue.tried_ones = KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
  end
  queue.packed = UNLIKE_ANY
  queue.now = now
  if queue.seen < now then queue.seen = now end
  return queue
end

-- Writes the state. Every text costs by its length, so the holds are packed first, and nothing twice.
local function write(queue)
  local held = ''
  for _, hold in ipairs(queue.holds) do
    held = held .. struct.pack('<Bc0Hc0ddddI4', #hold.token, hold.token, #hold.member, hold.member, hold.lease_end,
      hold.claimed_at, hold.was_next_at, hold.was_bucket, hold.claim)
  end
  local packed = struct.pack('<Bc0Bc0Bc0BBI4ddddI4I4I4I4I4I4I4I4I4c0d', #queue.server, queue.server, #queue.loading,
    queue.loading, #queue.paused, queue.paused, queue.paused_all, queue.is_awaited, queue.failures, queue.open_until,
    queue.next_at, queue.bucket, queue.due_at, queue.passed_normal, queue.passed_low, queue.day, queue.in_day, queue.kept,
    queue.unindexed, queue.tried, queue.claims, #queue.holds, held, queue.seen)
  call('SET', queue.state, packed)
  return packed
end

-- Writes the state back: the last that is done with a queue that was changed.
local function save(queue)
  local packed, state = write(queue), queue.state
  if known[state] ~= queue then
    if not known[state] then
      if known_count >= MOST_KNOWN then known, known_count = {}, 0 end
      known_count = known_count + 1
    end
    known[state] = queue
  end
  queue.packed = packed
end

-- The server process at work, by the first 16 digits of its `run_id`: the one that the caller talks to, or, where several serve (a
-- cluster) and '' was told, the one that runs this.
local function server_process(told)
  if told ~= '' then return told end
  return string.sub(string.match(call('INFO', 'server'), 'run_id:(%x+)'), 1, 16)
end

local function wake(queue)
  queue.is_awaited = 0
  call('PUBLISH', 'drover:wake', string.match(queue.state, '{(.-)}'))
end
