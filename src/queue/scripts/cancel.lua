-- Takes waiting messages out.
--
-- KEYS and ARGV[1] as session.lua has them.
-- ARGV[2] and the rest: messages, as filing.lua has them
-- Returns how many; those that are not there, and those that a sender holds, are left alone.

function scripts.cancel(KEYS, ARGV)
  local queue = open(KEYS, ARGV)
  local count, has_work = 0, false
  for at = 2, #ARGV do
    local member = ARGV[at]
    local chat = chat_of(member)
    local held = held_of(queue, chat)
    if held ~= member then
      local is_filed = not held and first_of(queue, chat) == member
      if forget(queue, member) then count = count + 1 end
      if is_filed then
        unfile(queue, member)
        local first = first_of(queue, chat)
        if first then
          file(queue, first)
          has_work = true
        end
      end
    end
  end
  if has_work and queue.is_awaited == 1 then wake(queue) end
  if count > 0 then save(queue) end
  return count
end
