-- How a claim is settled, for settle.lua and settle_and_claim.lua.
--
-- ARGV from `at` on: id, chat, the claim's token, the verdict (ack, retry, bury, bury_spent, release or void),
-- for retry: after so many milliseconds, failures that open the circuit, how long it stays open (ms).

-- Nothing was sent: the pace is as it was before the claim.
local function give_back_rate(chat, hold, packed_pace, last)
  call('LREM', SENT, -1, hold.claimed_at)
  call('RPOP', to_chat(chat))
  local token, next_at, bucket = find(last or '', '^([^|]*)|([^|]*)|([^|]*)$')
  local pace = read_pace(packed_pace)
  if token == hold.token then
    pace.next_at, pace.bucket = number(next_at), number(bucket)
  end
  if pace.day == math.floor(number(hold.claimed_at) / DAY) then pace.in_day = math.max(0, pace.in_day - 1) end
  call('HSET', STATE, 'pace', pack_pace(pace))
end

-- Settles a claim. Answers '1', or '0' when it does not hold any more: then nothing changed. And what became of the circuit:
-- 'opened', 'reopened' (the probe failed too), 'closed' or ''.
local function settle(at)
  local id, chat, token, verdict = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local packed = call('HGET', HELD, chat)
  local hold = packed and read_hold(packed)
  if not hold or hold.token ~= token then return '0', '' end
  call('HDEL', HELD, chat)

  if verdict == 'retry' then
    local job = read_job(id)
    job.deliveries, job.not_before, job.abandoned = job.deliveries + 1, now + number(ARGV[at + 4]), false
    call('HSET', JOBS, id, pack_job(job))
  elseif verdict ~= 'release' then
    call('HDEL', JOBS, id)
    call('ZREM', LINE, line_member(chat, hold.place, id))
  end
  file_first_of(chat)

  local state = call('HMGET', STATE, 'failures', 'is_awaited', 'pace', 'last')
  if verdict == 'release' or verdict == 'void' then give_back_rate(chat, hold, state[3], state[4]) end
  wake_who_waits(state[2])
  local failures, limit = number(state[1] or nil) or 0, number(ARGV[at + 5])
  if verdict == 'retry' or verdict == 'bury_spent' then
    call('HSET', STATE, 'failures', failures + 1)
    if limit > 0 and failures + 1 >= limit then
      call('HSET', STATE, 'open_until', text(now + number(ARGV[at + 6])))
      return '1', failures + 1 == limit and 'opened' or 'reopened'
    end
  elseif verdict == 'ack' and failures > 0 then
    call('HSET', STATE, 'failures', 0)
    if limit > 0 and failures >= limit then return '1', 'closed' end
  end
  return '1', ''
end
