-- How the next message is chosen and claimed, for claim.lua and settle_and_claim.lua.
--
-- ARGV from `at` on: the server process the caller talks to ('' for a cluster), the caller, a random token, length of the lease (ms), pause after
-- this message (ms, jitter included), messages a minute, how many at once, messages an hour, messages a day, messages a minute
-- to one chat, failures that open the circuit. A limit of 0 is none.

local MINUTE, HOUR = 60000, 3600000
local now_text = text(now)
-- What one call does at most of what could be much: chats that became due, chats that had their share.
local PORTION = 64
-- So many claims in a row may pass by a message of the lower priority.
local PATIENCE = { normal = 3, low = 15 }

-- When the `count`th time back in a list is `span` old; nil if it is, or there are fewer.
local function window_end(key, count, span)
  if count == 0 then return nil end
  local oldest = number(call('LINDEX', key, -count) or nil)
  return oldest and oldest + span > now and oldest + span or nil
end

-- The same for what went to all chats, whose number is known.
local function sent_window_end(pace, count, span)
  return pace.kept >= count and window_end(SENT, count, span) or nil
end

-- Why nothing may go now, and until when; nil if something may.
local function held_back(state, limits)
  local pace = state.pace
  if limits.circuit_failures > 0 and state.failures >= limits.circuit_failures then
    if state.open_until > now then return 'circuit_open', state.open_until end
    -- Half open: one at a time, until one succeeds.
    if next(state.holds) then return 'circuit_open', nil end
  end
  if pace.next_at > now then return 'gap', pace.next_at end
  if limits.per_minute > 0 and limits.burst > 0 then
    local may_at = pace.bucket - (limits.burst - 1) * MINUTE / limits.per_minute
    if may_at > now then return 'per_minute', math.ceil(may_at) end
  end
  local minute_end = sent_window_end(pace, limits.per_minute, MINUTE)
  if minute_end then return 'per_minute', minute_end end
  local hour_end = sent_window_end(pace, limits.per_hour, HOUR)
  if hour_end then return 'per_hour', hour_end end
  if limits.per_day > 0 and pace.in_day >= limits.per_day then return 'per_day', (pace.day + 1) * DAY end
end

-- The first message of the most urgent, unless so many claims in a row passed the less urgent by that one of these comes first;
-- whether one waits is looked at only then.
local function pick(pace)
  local first = call('ZPOPMIN', READY)
  local id, rank = first[1], math.floor((number(first[2]) or 0) / RANK)
  if not id or rank == RANKS.again then return id, rank end
  local function instead(wanted)
    local other = call('ZRANGEBYSCORE', READY, wanted * RANK, '(' .. text((wanted + 1) * RANK), 'LIMIT', 0, 1)[1]
    if not other then return nil end
    call('ZADD', READY, first[2], id)
    call('ZREM', READY, other)
    return other
  end
  if rank ~= RANKS.low and pace.low >= PATIENCE.low then
    local low = instead(RANKS.low)
    if low then return low, RANKS.low end
    pace.low = 0
  end
  if rank == RANKS.high and pace.normal >= PATIENCE.normal then
    local normal = instead(RANKS.normal)
    if normal then return normal, RANKS.normal end
    pace.normal = 0
  end
  return id, rank
end

-- Counts the claims in a row that may have passed somebody by.
local function count_passed(pace, rank)
  if rank == RANKS.again then return end
  pace.low = rank == RANKS.low and 0 or pace.low + 1
  if rank == RANKS.high then pace.normal = pace.normal + 1 elseif rank == RANKS.normal then pace.normal = 0 end
end

-- Notes that a message goes now.
local function count_sent(chat, pace, limits, token, gap_ms)
  local keep = math.max(limits.per_minute, limits.per_hour)
  if keep > 0 then
    pace.kept = call('RPUSH', SENT, now_text)
    if pace.kept > keep then
      call('LTRIM', SENT, -keep, -1)
      pace.kept = keep
    end
  end
  if limits.per_chat > 0 then
    local key = to_chat(chat)
    if call('RPUSH', key, now_text) > limits.per_chat then call('LTRIM', key, -limits.per_chat, -1) end
    call('PEXPIRE', key, MINUTE)
  end
  -- What `release` puts back, unless another claim came between.
  local last = string.format('%s|%.0f|%.3f', token, pace.next_at, pace.bucket)
  pace.next_at = now + gap_ms
  pace.bucket = pace.bucket + (limits.per_minute > 0 and MINUTE / limits.per_minute or 0)
  pace.in_day = pace.in_day + 1
  call('HSET', STATE, 'pace', pack_pace(pace), 'last', last)
end

-- Answers {'claimed', id, chat, deliveries, '1' if an earlier holder never settled it, end of the lease, now}
-- or {'wait', cause, when to ask again or '' if only a wake-up helps, now}.
local function claim(at, state)
  local server, owner, token = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local limits = {
    per_minute = number(ARGV[at + 5]), burst = number(ARGV[at + 6]), per_hour = number(ARGV[at + 7]),
    per_day = number(ARGV[at + 8]), per_chat = number(ARGV[at + 9]), circuit_failures = number(ARGV[at + 10]),
  }
  local function wait(cause, until_at)
    return { 'wait', cause, until_at and text(until_at) or '', now_text }
  end
  if state.server ~= server_process(server) then return wait('loading') end

  -- When the first lease ends; those that have ended are taken back.
  local lease_end
  for chat, hold in pairs(state.holds) do
    if hold.lease_end <= now then
      state.holds[chat] = nil
      abandon(chat, hold.id)
    else
      lease_end = math.min(lease_end or hold.lease_end, hold.lease_end)
    end
  end

  if state.paused and state.paused ~= '' then return wait('paused') end
  if state.paused_all == '1' then return wait('paused') end

  -- Waits for a time, for more work, or for whoever holds a message to settle it.
  local function wait_for_work(cause, until_at)
    if not state.is_awaited then call('HSET', STATE, 'is_awaited', 1) end
    return wait(cause, until_at and lease_end and math.min(until_at, lease_end) or until_at or lease_end)
  end

  local pace = state.pace
  local today = math.floor(now / DAY)
  if pace.day ~= today then pace.day, pace.in_day = today, 0 end
  pace.bucket = math.max(pace.bucket, now)

  local cause, until_at = held_back(state, limits)
  if cause then
    if call('EXISTS', READY, DUE) == 0 then return wait_for_work(lease_end and 'in_flight' or 'empty') end
    return until_at and wait(cause, until_at) or wait_for_work(cause)
  end

  if state.due_at and state.due_at <= now then
    for _, id in ipairs(call('ZRANGEBYSCORE', DUE, '-inf', now, 'LIMIT', 0, PORTION)) do
      call('ZREM', DUE, id)
      file(read_job(id))
    end
    call('HSET', STATE, 'due_at', call('ZRANGE', DUE, 0, 0, 'WITHSCORES')[2] or '')
  end

  for _ = 1, PORTION do
    local id, rank = pick(pace)
    if not id then
      local due = call('ZRANGE', DUE, 0, 0, 'WITHSCORES')
      if not due[1] then return wait_for_work(lease_end and 'in_flight' or 'empty') end
      local had_share = window_end(to_chat(read_job(due[1]).chat), limits.per_chat, MINUTE)
      return wait_for_work(had_share and 'per_recipient' or 'not_due', number(due[2]))
    end
    local job = read_job(id)
    local share_at = window_end(to_chat(job.chat), limits.per_chat, MINUTE)
    if share_at then
      postpone(id, share_at)
    else
      local until_ms = text(now + number(ARGV[at + 3]))
      call('HSET', HELD, job.chat, table.concat({ until_ms, now_text, token, owner, text(job.place), id }, '|'))
      count_passed(pace, rank)
      count_sent(job.chat, pace, limits, token, number(ARGV[at + 4]))
      return { 'claimed', id, job.chat, text(job.deliveries + 1), job.abandoned and '1' or '0', until_ms, now_text }
    end
  end
  return wait('per_recipient', now)
end
