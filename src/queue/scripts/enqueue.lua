-- Puts messages in the queue, each in its place in its chat's line. One that is there already is left alone.
--
-- KEYS and ARGV[1] as session.lua has them.
-- ARGV[2] the server process the caller talks to ('' for a cluster)   ARGV[3] and the rest: messages, as filing.lua has them
-- Returns 1 if the queue is complete, 0 if it must be loaded from the database before anything is handed out.

function scripts.enqueue(KEYS, ARGV)
  local queue = open(KEYS, ARGV)
  local is_loaded = queue.server == server_process(ARGV[2])
  local due_at, was_awaited, has_work = queue.due_at, queue.is_awaited, false

  -- Of each chat: its first message before, one that comes, how many do, and the earliest of their places.
  local chats, members = {}, {}
  for at = 3, #ARGV do
    local member = ARGV[at]
    local bar = string.find(member, '|', 1, true)
    local name, place = string.sub(member, 1, bar - 1), string.sub(member, bar + 1, bar + 13)
    local chat = chats[name]
    if not chat then
      chat = { before = first_of(queue, name), comes = 0, earliest = place, member = member }
      chats[name] = chat
    end
    chat.comes = chat.comes + 1
    if place < chat.earliest then chat.earliest = place end
    members[#members + 1] = '0'
    members[#members + 1] = member
  end
  call('ZADD', queue.line, unpack(members))

  for name, chat in pairs(chats) do
    local before, first = chat.before, chat.before
    if not before and chat.comes == 1 then
      first = chat.member
    elseif not before or chat.earliest <= string.sub(before, #name + 2, #name + 14) then
      first = first_of(queue, name)
    end
    if first ~= before and not held_of(queue, name) then
      if before then unfile(queue, before) end
      file(queue, first)
      has_work = true
    end
  end
  if has_work and is_loaded and queue.is_awaited == 1 then wake(queue) end
  if queue.due_at ~= due_at or queue.is_awaited ~= was_awaited then save(queue) end
  return is_loaded and 1 or 0
end
