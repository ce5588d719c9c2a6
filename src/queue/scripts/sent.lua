-- What was sent, as far back as the limits look: `sent` has an entry for each claim, the latest last, `time|chat`; `kept` is their
-- number. The times to one chat are in a list of its own, `to:<chat>`; the last `unindexed` entries are not in these lists yet.

local function to_chat(queue, chat)
  return string.sub(queue.state, 1, -6) .. 'to:' .. chat
end

-- How many entries are younger than `span`: their times rise, so that the first one is found by halving.
local function younger_than(queue, span)
  local low, high = 0, queue.kept
  while low < high do
    local middle = math.floor((low + high) / 2)
    local at = tonumber(string.match(call('LINDEX', queue.sent, middle), '^%d+'))
    if at + span > queue.now then high = middle else low = middle + 1 end
  end
  return queue.kept - low
end
