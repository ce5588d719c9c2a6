-- How a claim is settled, for settle.lua and settle_and_claim.lua.
--
-- ARGV[3] the claim's token   ARGV[4] the verdict: ack, retry, bury, bury_spent, release or void
-- ARGV[5] for retry: after so many milliseconds

-- Nothing was sent: the pace is as it was before the claim.
local function give_back_rate(queue, hold)
  local chat, claimed_at = chat_of(hold.member), string.format('%.0f', hold.claimed_at)
  local entry = claimed_at .. '|' .. chat
  local at = call('LPOS', queue.sent, entry, 'RANK', '-1')
  if at and at >= queue.kept - queue.unindexed then
    queue.unindexed = queue.unindexed - 1
  elseif call('LINDEX', to_chat(queue, chat), '-1') == claimed_at then
    call('RPOP', to_chat(queue, chat))
  end
  queue.kept = queue.kept - call('LREM', queue.sent, '-1', entry)
  -- Unless another claim came between.
  if queue.claims == hold.claim then
    queue.next_at, queue.bucket = hold.was_next_at, hold.was_bucket
  end
  if queue.day == math.floor(hold.claimed_at / 86400000) then queue.in_day = math.max(0, queue.in_day - 1) end
end

-- Settles the claim. Answers '1', or '0' when it does not hold any more: then nothing changed. And what became of the circuit:
-- 'opened', 'reopened' (the probe failed too), 'closed' or ''. The caller writes the state.
local function settle(queue, limits, token, verdict, after)
  local hold
  for index, other in ipairs(queue.holds) do
    if other.token == token then hold = table.remove(queue.holds, index) end
  end
  if not hold then return '0', '' end

  local member = hold.member
  if verdict == 'retry' then
    note_tried(queue, member, queue.now + after, false)
  elseif verdict ~= 'release' then
    forget(queue, member)
  end
  local first = first_of(queue, chat_of(member))
  if first then file(queue, first) end

  if verdict == 'release' or verdict == 'void' then give_back_rate(queue, hold) end
  if queue.is_awaited == 1 then wake(queue) end

  local opens_at = limits.circuit_failures
  if verdict == 'retry' or verdict == 'bury_spent' then
    queue.failures = queue.failures + 1
    if opens_at > 0 and queue.failures >= opens_at then
      queue.open_until = queue.now + limits.circuit_open
      return '1', queue.failures == opens_at and 'opened' or 'reopened'
    end
  elseif verdict == 'ack' and queue.failures > 0 then
    local was_open = opens_at > 0 and queue.failures >= opens_at
    queue.failures = 0
    if was_open then return '1', 'closed' end
  end
  return '1', ''
end
