-- Settles a claim, if it still holds.
--
-- KEYS and ARGV[1] as session.lua has them, ARGV[2] as limits.lua has it, ARGV[3] to ARGV[5] as settling.lua has them.
-- Returns {'1' or '0' as settling.lua has it, what became of the circuit}.

function scripts.settle(KEYS, ARGV)
  local queue, limits = open(KEYS, ARGV), read_limits(ARGV[2])
  follow_clock(queue)
  local settled, circuit = settle(queue, limits, ARGV[3], ARGV[4], ARGV[5])
  if settled == '1' then save(queue) end
  return { settled, circuit }
end
