-- What every script about one session's queue starts with: its keys, its time and its state.
--
-- KEYS, in this order; src/queue/keys.rs says what each of them holds:
--    1 state  2 line  3 ready  4 due  5 sent  6 tried
-- ARGV[1] the time in Unix milliseconds, or '' for this server's own.
--
-- A script makes its functions anew with each call, and what they capture costs more than they do: so all there is to know is in
-- one table, `queue`, which they are given. Numbers go to Redis as text, which is cheaper, too.

local call = redis.call

local queue
do
  local now = tonumber(ARGV[1])
  if not now then
    local time = call('TIME')
    now = time[1] * 1000 + math.floor(time[2] / 1000)
  end

  -- The state is one packed value, so that it costs one command to read and one to write: see `save`.
  local packed = call('GET', KEYS[1])
  if packed then
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
    local seen = at <= #packed and struct.unpack('<d', packed, at) or now
    queue = {
      now = now, state = KEYS[1], line = KEYS[2], ready = KEYS[3], due = KEYS[4], sent = KEYS[5], tried_ones = KEYS[6],
      server = server, loading = loading, paused = paused, paused_all = paused_all, is_awaited = is_awaited,
      failures = failures, open_until = open_until, next_at = next_at, bucket = bucket, due_at = due_at,
      passed_normal = passed_normal, passed_low = passed_low, day = day, in_day = in_day, kept = kept, unindexed = unindexed,
      tried = tried, claims = claims, holds = holds, seen = math.max(seen, now),
    }
  else
    queue = {
      now = now, state = KEYS[1], line = KEYS[2], ready = KEYS[3], due = KEYS[4], sent = KEYS[5], tried_ones = KEYS[6],
      server = '', loading = '', paused = '', paused_all = 0, is_awaited = 0, failures = 0, open_until = 0, next_at = 0,
      bucket = 0, due_at = math.huge, passed_normal = 0, passed_low = 0, day = 0, in_day = 0, kept = 0, unindexed = 0,
      tried = 0, claims = 0, holds = {}, seen = now,
    }
  end
end

-- Writes the state back. Every text costs by its length, so the holds are packed first, and nothing twice.
local function save(queue)
  local held = ''
  for _, hold in ipairs(queue.holds) do
    held = held .. struct.pack('<Bc0Hc0ddddI4', #hold.token, hold.token, #hold.member, hold.member, hold.lease_end,
      hold.claimed_at, hold.was_next_at, hold.was_bucket, hold.claim)
  end
  call('SET', queue.state, struct.pack('<Bc0Bc0Bc0BBI4ddddI4I4I4I4I4I4I4I4I4c0d', #queue.server, queue.server, #queue.loading,
    queue.loading, #queue.paused, queue.paused, queue.paused_all, queue.is_awaited, queue.failures, queue.open_until,
    queue.next_at, queue.bucket, queue.due_at, queue.passed_normal, queue.passed_low, queue.day, queue.in_day, queue.kept,
    queue.unindexed, queue.tried, queue.claims, #queue.holds, held, queue.seen))
end

-- The server process at work, by the first 16 digits of its `run_id`: the one that the caller talks to, or, where several serve (a
-- cluster) and '' was told, the one that runs this.
local function server_process(told)
  return string.sub(told ~= '' and told or string.match(call('INFO', 'server'), 'run_id:(%x+)'), 1, 16)
end

local function wake(queue)
  queue.is_awaited = 0
  call('PUBLISH', 'drover:wake', string.match(queue.state, '{(.-)}'))
end
