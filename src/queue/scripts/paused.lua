-- Why a session is paused by itself.
--
-- KEYS and ARGV[1] as session.lua has them.
-- Returns the cause, or ''.

function scripts.paused(KEYS, ARGV)
  local queue = open(KEYS, ARGV)
  return queue.paused
end
