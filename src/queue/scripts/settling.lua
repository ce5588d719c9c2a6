-- How a claim is settled, for settle.lua and settle_and_claim.lua.
--
-- ARGV from `at` on: id, chat, the claim's token, the verdict (ack, retry, bury, bury_spent, release or void),
-- for retry: after so many milliseconds, failures that open the circuit, how long it stays open (ms).

-- Nothing was sent: the pace is as it was before the claim.
local function give_back_rate(state, chat, hold)
  local pace = state.pace
  pace.kept = pace.kept - call('LREM', SENT, -1, hold.claimed_at)
  call('RPOP', to_chat(chat))
  local token, next_at, bucket = find(state.last or '', '^([^|]*)|([^|]*)|([^|]*)$')
  if token == hold.token then
    pace.next_at, pace.bucket = number(next_at), number(bucket)
  end
  if pace.day == math.floor(number(hold.claimed_at) / DAY) then pace.in_day = math.max(0, pace.in_day - 1) end
  call('HSET', STATE, 'pace', pack_pace(pace))
end

-- Settles a claim, and keeps `state` true. Answers '1', or '0' when it does not hold any more: then nothing changed. And what
-- became of the circuit: 'opened', 'reopened' (the probe failed too), 'closed' or ''.
local function settle(at, state)
  local id, chat, token, verdict = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local hold = state.holds[chat]
  if not hold or hold.token ~= token then return '0', '' end
  call('HDEL', HELD, chat)
  state.holds[chat] = nil

  if verdict == 'retry' then
    local job = read_job(id)
    job.deliveries, job.not_before, job.abandoned = job.deliveries + 1, now + number(ARGV[at + 4]), false
    call('HSET', JOBS, id, pack_job(job))
    state.due_at = math.min(state.due_at or job.not_before, job.not_before)
  elseif verdict ~= 'release' then
    call('HDEL', JOBS, id)
    call('ZREM', LINE, line_member(chat, hold.place, id))
  end
  file_first_of(chat)

  if verdict == 'release' or verdict == 'void' then give_back_rate(state, chat, hold) end
  if state.is_awaited then
    wake_who_waits('1')
    state.is_awaited = false
  end
  local limit = number(ARGV[at + 5])
  if verdict == 'retry' or verdict == 'bury_spent' then
    state.failures = state.failures + 1
    call('HSET', STATE, 'failures', state.failures)
    if limit > 0 and state.failures >= limit then
      state.open_until = now + number(ARGV[at + 6])
      call('HSET', STATE, 'open_until', text(state.open_until))
      return '1', state.failures == limit and 'opened' or 'reopened'
    end
  elseif verdict == 'ack' and state.failures > 0 then
    local was_open = limit > 0 and state.failures >= limit
    state.failures = 0
    call('HSET', STATE, 'failures', 0)
    if was_open then return '1', 'closed' end
  end
  return '1', ''
end
