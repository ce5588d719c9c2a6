-- How many messages a complete queue holds.
--
-- KEYS and ARGV[1] as session.lua has them.
-- ARGV[2] the server process the caller talks to ('' for a cluster)
-- Returns how many, or -1 when the queue must be loaded from the database first.

function scripts.depth(KEYS, ARGV)
  local queue = open(KEYS, ARGV)
  if queue.server ~= server_process(ARGV[2]) then return -1 end
  return call('ZCARD', queue.line)
end
