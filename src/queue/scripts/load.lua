-- Begins or ends the loading of a queue from the database. Until it has ended, nothing is handed out.
--
-- KEYS and ARGV[1] as session.lua has them.
-- ARGV[2] begin or end   ARGV[3] a random token: the end must find the one of its beginning, so that an emptied Redis shows
-- ARGV[4] the server process that is loaded ('' for a cluster): the end must run on the one of its beginning
-- ARGV[5] for end: 1 if all sessions are paused
-- Returns 1, or 0 when the end does not find its beginning.

local server = server_process(ARGV[4])
local mark = ARGV[3] .. '@' .. server
if ARGV[2] == 'begin' then
  call('HSET', STATE, 'loading', mark)
  return 1
end
if call('HGET', STATE, 'loading') ~= mark then return 0 end
call('HDEL', STATE, 'loading')
call('HSET', STATE, 'server', server, 'paused_all', ARGV[5])
wake()
return 1
