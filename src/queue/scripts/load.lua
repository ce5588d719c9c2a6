-- Begins or ends the loading of a queue from the database. Until it has ended, nothing is handed out.
--
-- KEYS and ARGV[1] as session.lua has them.
-- ARGV[2] begin or end   ARGV[3] a random token: the end must find the one of its beginning, so that an emptied Redis shows
-- ARGV[4] for end: the server process that was loaded   ARGV[5] for end: 1 if all sessions are paused
-- Returns 1, or 0 when the end does not find its beginning.

if ARGV[2] == 'begin' then
  call('HSET', STATE, 'loading', ARGV[3])
  return 1
end
if call('HGET', STATE, 'loading') ~= ARGV[3] then return 0 end
call('HDEL', STATE, 'loading')
call('HSET', STATE, 'server', ARGV[4], 'paused_all', ARGV[5])
wake()
return 1
