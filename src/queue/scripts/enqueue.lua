-- Puts a message in the queue, in its place in its chat's line. One that is there already is left alone.
--
-- KEYS and ARGV[1] as session.lua has them.
-- ARGV[2] the server process the caller talks to ('' for a cluster)   ARGV[3] id   ARGV[4] chat   ARGV[5] high, normal or low
-- ARGV[6] its place in the line: the time from which it counts (Unix ms)   ARGV[7] not before (Unix ms), 0 for at once
-- Returns 1 if the queue is complete, 0 if it must be loaded from the database before anything is handed out.

local id, chat = ARGV[3], ARGV[4]
local is_loaded = redis.call('HGET', STATE, 'server') == server_process(ARGV[2])

if redis.call('HEXISTS', JOBS, id) == 0 then
  local job = {
    id = id, chat = chat, priority = ARGV[5], place = tonumber(ARGV[6]), not_before = tonumber(ARGV[7]),
    deliveries = 0, abandoned = false, token = '', owner = '',
  }
  write_job(job)
  redis.call('ZADD', LINE, 0, line_member(job))
  local first = first_of(chat, 2)
  if first[1] == id and redis.call('SISMEMBER', HELD, chat) == 0 then
    if first[2] then unfile(chat) end
    file(chat)
    if is_loaded then wake() end
  end
end
return is_loaded and 1 or 0
