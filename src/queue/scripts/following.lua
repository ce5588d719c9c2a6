-- What becomes of a queue when this server's clock was set back: the times that it wrote by the clock of before move along. Where
-- they were, gaps, limits, pauses after failures and leases would last for as long as the clock went back. What is scheduled for a
-- time of day stays.

-- Brings the queue along, and writes its state: what stands beside it would else move twice.
local function follow_clock(queue)
  local by = queue.seen - queue.now
  queue.seen = queue.now
  -- Less is waited for.
  if by < 1000 then return end

  queue.next_at, queue.bucket, queue.open_until = queue.next_at - by, queue.bucket - by, queue.open_until - by
  for _, hold in ipairs(queue.holds) do
    hold.lease_end, hold.claimed_at = hold.lease_end - by, hold.claimed_at - by
    hold.was_next_at, hold.was_bucket = hold.was_next_at - by, hold.was_bucket - by
  end
  -- A day that is begun again has had what it had.
  queue.day = math.min(queue.day, math.floor(queue.now / 86400000))

  local entries = call('LRANGE', queue.sent, 0, -1)
  call('DEL', queue.sent)
  for _, entry in ipairs(entries) do
    local at, chat = string.match(entry, '^(%d+)|(.*)$')
    call('RPUSH', queue.sent, string.format('%.0f|%s', at - by, chat))
    call('DEL', to_chat(queue, chat))
  end
  queue.kept, queue.unindexed = #entries, #entries

  local is_tried = {}
  local tried = queue.tried > 0 and call('HGETALL', queue.tried_ones) or {}
  for at = 1, #tried, 2 do
    is_tried[tried[at]] = true
    local deliveries, not_before, abandoned = string.match(tried[at + 1], '^(%d+)|(%d+)|(%d)$')
    local packed = string.format('%s|%.0f|%s', deliveries, math.max(0, not_before - by), abandoned)
    call('HSET', queue.tried_ones, tried[at], packed)
  end

  local due = call('ZRANGE', queue.due, 0, -1, 'WITHSCORES')
  for at = 1, #due, 2 do
    local member, until_at = due[at], due[at + 1] - by
    if string.sub(member, -1) == '1' and not is_tried[member] then
      local bar = string.find(member, '|', 1, true)
      until_at = math.max(until_at, tonumber(string.sub(member, bar + 1, bar + 13)))
    end
    call('ZADD', queue.due, string.format('%.0f', until_at), member)
  end
  queue.due_at = tonumber(call('ZRANGE', queue.due, '0', '0', 'WITHSCORES')[2]) or math.huge
  write(queue)
end
