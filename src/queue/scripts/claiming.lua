-- How the next message is chosen and claimed, for claim.lua and settle_and_claim.lua.

-- When the `count`th time back in a list is `span` old; nil if it is, or there are fewer.
local function window_end(queue, key, count, span)
  local oldest = call('LINDEX', key, -count)
  local ends_at = oldest and string.match(oldest, '^%d+') + span
  return ends_at and ends_at > queue.now and ends_at or nil
end

-- Adds what `sent` has of the last minute and is not indexed yet, up to `most`, to the lists of its chats.
local function index_by_chat(queue, per_chat, most)
  if queue.unindexed > 8 then queue.unindexed = math.min(queue.unindexed, younger_than(queue, 60000)) end
  local count = math.min(queue.unindexed, most)
  if count == 0 then return end
  for _, entry in ipairs(call('LRANGE', queue.sent, -queue.unindexed, count - queue.unindexed - 1)) do
    local at, chat = string.match(entry, '^(%d+)|(.*)$')
    local key = to_chat(queue, chat)
    if call('RPUSH', key, at) > per_chat + 64 then call('LTRIM', key, -per_chat - 1, -1) end
    call('PEXPIRE', key, 60000)
  end
  queue.unindexed = queue.unindexed - count
end

-- When a chat has a share again; nil if it has one. As long as all chats together had less than one chat's share in this minute,
-- it has: so the lists by chat are not begun before half of a share went, and are complete when a whole one did.
local function share_end(queue, member, per_chat)
  local half = math.ceil(per_chat / 2)
  if per_chat == 0 or queue.kept < half or not window_end(queue, queue.sent, half, 60000) then return nil end
  if queue.kept < per_chat or not window_end(queue, queue.sent, per_chat, 60000) then
    index_by_chat(queue, per_chat, 8)
    return nil
  end
  index_by_chat(queue, per_chat, queue.unindexed)
  return window_end(queue, to_chat(queue, chat_of(member)), per_chat, 60000)
end

-- Why nothing may go now, and until when; nil if something may.
local function held_back(queue, limits)
  local now = queue.now
  if limits.circuit_failures > 0 and queue.failures >= limits.circuit_failures then
    if queue.open_until > now then return 'circuit_open', queue.open_until end
    -- Half open: one at a time, until one succeeds.
    if queue.holds[1] then return 'circuit_open', nil end
  end
  if queue.next_at > now then return 'gap', queue.next_at end
  local per_minute, per_hour = limits.per_minute, limits.per_hour
  if per_minute > 0 then
    local may_at = queue.bucket - (limits.burst - 1) * 60000 / per_minute
    if limits.burst > 0 and may_at > now then return 'per_minute', math.ceil(may_at) end
    local minute_end = queue.kept >= per_minute and window_end(queue, queue.sent, per_minute, 60000)
    if minute_end then return 'per_minute', minute_end end
  end
  local hour_end = per_hour > 0 and queue.kept >= per_hour and window_end(queue, queue.sent, per_hour, 3600000)
  if hour_end then return 'per_hour', hour_end end
  if limits.per_day > 0 and queue.in_day >= limits.per_day then return 'per_day', (queue.day + 1) * 86400000 end
end

-- The first message of a rank instead of the one that was taken out of `ready`, which goes back; nil if there is none.
local function instead(queue, first, rank)
  local other = call('ZRANGEBYSCORE', queue.ready, rank .. '0000000000000', rank .. '9999999999999', 'LIMIT', '0', '1')[1]
  if not other then return nil end
  call('ZADD', queue.ready, first[2], first[1])
  call('ZREM', queue.ready, other)
  return other
end

-- The first message of the most urgent, and its rank: 0 for one that an earlier holder never settled, 1 for high, 2 for normal, 3
-- for low. But of claims in a row, three may pass by one that is normal, and fifteen one that is low: then that comes first. Whether
-- one waits is looked at only then.
local function pick(queue)
  local first = call('ZPOPMIN', queue.ready)
  local member = first[1]
  if not member then return nil end
  local rank = math.floor(first[2] / 10000000000000)
  if rank == 0 then return member, rank end
  if rank ~= 3 and queue.passed_low >= 15 then
    local low = instead(queue, first, 3)
    if low then return low, 3 end
    queue.passed_low = 0
  end
  if rank == 1 and queue.passed_normal >= 3 then
    local normal = instead(queue, first, 2)
    if normal then return normal, 2 end
    queue.passed_normal = 0
  end
  return member, rank
end

-- Claims a message: it is kept from others until its lease ends, and counted.
local function take(queue, limits, member, rank, token)
  local now, per_minute = queue.now, limits.per_minute
  queue.claims = (queue.claims + 1) % 4294967296
  queue.holds[#queue.holds + 1] = {
    token = token, member = member, lease_end = now + limits.lease, claimed_at = now, was_next_at = queue.next_at,
    was_bucket = queue.bucket, claim = queue.claims,
  }
  if rank > 0 then
    queue.passed_low = rank == 3 and 0 or queue.passed_low + 1
    if rank == 1 then queue.passed_normal = queue.passed_normal + 1 elseif rank == 2 then queue.passed_normal = 0 end
  end

  -- What is held may be released, and the limits must still find as many as they count. A few more, and it is seldom trimmed.
  local keep = math.max(per_minute, limits.per_hour, limits.per_chat)
  if keep > 0 then
    queue.kept = call('RPUSH', queue.sent, string.format('%d|%s', now, chat_of(member)))
    queue.unindexed = queue.unindexed + 1
    keep = keep + #queue.holds
    if queue.kept > keep + 64 then
      call('LTRIM', queue.sent, -keep, -1)
      queue.kept, queue.unindexed = keep, math.min(queue.unindexed, keep)
    end
  end
  queue.next_at = now + limits.gap
  if per_minute > 0 then queue.bucket = queue.bucket + 60000 / per_minute end
  queue.in_day = queue.in_day + 1
end

local function wait(queue, cause, until_at)
  return { 'wait', cause, until_at and string.format('%.0f', until_at - queue.now) or '', '' }
end

-- Waits for a time, for more work, or for whoever holds a message to settle it: `lease_end` is when the first of these must have.
local function wait_for_work(queue, cause, until_at, lease_end)
  queue.is_awaited = 1
  return wait(queue, cause, until_at and lease_end and math.min(until_at, lease_end) or until_at or lease_end)
end

-- Answers {'claimed', message, how often it was handed out, 1 if an earlier holder never settled it}
-- or {'wait', cause, in how many ms to ask again or '' if only a wake-up helps, ''}. The caller writes the state.
local function claim(queue, limits, server, token)
  if queue.server ~= server_process(server) then return wait(queue, 'loading') end

  -- Claims whose leases have ended are taken back.
  local now, holds, lease_end = queue.now, queue.holds, nil
  for index = #holds, 1, -1 do
    if holds[index].lease_end <= now then
      abandon(queue, table.remove(holds, index))
    else
      lease_end = math.min(lease_end or holds[index].lease_end, holds[index].lease_end)
    end
  end
  if queue.paused ~= '' or queue.paused_all == 1 then return wait(queue, 'paused') end

  local today = math.floor(now / 86400000)
  if queue.day < today then queue.day, queue.in_day = today, 0 end
  if queue.bucket < now then queue.bucket = now end
  local cause, until_at = held_back(queue, limits)
  if cause then
    if call('EXISTS', queue.ready, queue.due) == 0 then
      return wait_for_work(queue, lease_end and 'in_flight' or 'empty', nil, lease_end)
    end
    return until_at and wait(queue, cause, until_at) or wait_for_work(queue, cause, nil, lease_end)
  end

  -- At most so many that became due, and so many that had their share, in one call.
  local PORTION = 64
  if queue.due_at <= now then
    for _, member in ipairs(call('ZRANGEBYSCORE', queue.due, '-inf', string.format('%.0f', now), 'LIMIT', '0', PORTION)) do
      call('ZREM', queue.due, member)
      file(queue, member)
    end
    queue.due_at = tonumber(call('ZRANGE', queue.due, '0', '0', 'WITHSCORES')[2]) or math.huge
  end
  for _ = 1, PORTION do
    local member, rank = pick(queue)
    if not member then
      local due = call('ZRANGE', queue.due, '0', '0', 'WITHSCORES')
      if not due[1] then return wait_for_work(queue, lease_end and 'in_flight' or 'empty', nil, lease_end) end
      local had_share = share_end(queue, due[1], limits.per_chat)
      return wait_for_work(queue, had_share and 'per_recipient' or 'not_due', tonumber(due[2]), lease_end)
    end
    local share_at = share_end(queue, member, limits.per_chat)
    if not share_at then
      local deliveries = queue.tried > 0 and read_tried(queue, member) or 0
      take(queue, limits, member, rank, token)
      return { 'claimed', member, deliveries + 1, rank == 0 and 1 or 0 }
    end
    postpone(queue, member, share_at)
  end
  return wait(queue, 'per_recipient', now)
end
