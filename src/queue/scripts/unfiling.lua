-- What else takes and leaves a place among the first messages, beside the holds: for enqueue.lua and cancel.lua.

local function unfile(queue, member)
  if call('ZREM', queue.ready, member) == 0 then call('ZREM', queue.due, member) end
end

-- The message of a chat that a sender holds, if one does.
local function held_of(queue, chat)
  for _, hold in ipairs(queue.holds) do
    if chat_of(hold.member) == chat then return hold.member end
  end
end
