-- Pauses a session, or lets it go on, and wakes its sender.
--
-- KEYS and ARGV[1] as session.lua has them.
-- ARGV[2] own for its own pause, all for that of all sessions   ARGV[3] for own the cause, for all 1; '' to go on
-- Returns 1.

function scripts.pause(KEYS, ARGV)
  local queue = open(KEYS, ARGV)
  if ARGV[2] == 'own' then queue.paused = ARGV[3] else queue.paused_all = ARGV[3] == '1' and 1 or 0 end
  wake(queue)
  save(queue)
  return 1
end
