-- How the messages of a session are filed.
--
-- A message is known by one text, the same wherever it stands: chat|place in the chat's line|id|rank of its priority|1 if it is
-- scheduled for its place, else 0. The place is a time in milliseconds, of 13 digits.
--
-- A chat that has messages is in exactly one place: among the holds while a sender has its first message; else that first
-- message is in `due` until its time comes, then in `ready`, among those that an earlier holder never settled or in its
-- priority. The score in `ready` is the rank's digit before the place.

local function chat_of(member)
  return string.sub(member, 1, string.find(member, '|', 1, true) - 1)
end

-- The first message of a chat.
local function first_of(queue, chat)
  return call('ZRANGEBYLEX', queue.line, '[' .. chat .. '|', '(' .. chat .. '}', 'LIMIT', '0', '1')[1]
end

-- What is known of a message that was handed out before: how often it was, not before when it may go again, and whether its
-- last holder never settled it.
local function read_tried(queue, member)
  local packed = queue.tried > 0 and call('HGET', queue.tried_ones, member)
  if not packed then return 0, 0, false end
  local deliveries, not_before, abandoned = string.match(packed, '^(%d+)|(%d+)|(%d)$')
  return tonumber(deliveries), tonumber(not_before), abandoned == '1'
end

local function note_tried(queue, member, not_before, abandoned)
  local packed = string.format('%d|%.0f|%d', read_tried(queue, member) + 1, not_before, abandoned and 1 or 0)
  queue.tried = queue.tried + call('HSET', queue.tried_ones, member, packed)
end

-- Takes a message out that is filed nowhere any more; whether it was there.
local function forget(queue, member)
  if queue.tried > 0 then queue.tried = queue.tried - call('HDEL', queue.tried_ones, member) end
  return call('ZREM', queue.line, member) == 1
end

-- Files a message for later. `due_at` is never later than the first of them, so that nobody has to look before.
local function postpone(queue, member, until_at)
  call('ZADD', queue.due, string.format('%.0f', until_at), member)
  queue.due_at = math.min(queue.due_at, until_at)
end

-- Files the first message of a chat that is filed nowhere.
local function file(queue, member)
  local at = string.find(member, '|', 1, true)
  local place, rank = string.sub(member, at + 1, at + 13), string.sub(member, -3, -3)
  local not_before = string.sub(member, -1) == '1' and tonumber(place) or 0
  if queue.tried > 0 then
    local deliveries, again_at, abandoned = read_tried(queue, member)
    if abandoned then rank = '0' end
    if deliveries > 0 then not_before = again_at end
  end
  if not_before > queue.now then
    postpone(queue, member, not_before)
  else
    call('ZADD', queue.ready, rank .. place, member)
  end
end

-- Gives back what a holder never settled; the hold is out of the state already.
local function abandon(queue, hold)
  note_tried(queue, hold.member, 0, true)
  file(queue, first_of(queue, chat_of(hold.member)))
end
