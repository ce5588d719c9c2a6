-- Settles a claim and hands out the next message in the same round trip.
--
-- KEYS and ARGV[1] to ARGV[5] as settle.lua has them.
-- ARGV[6] the server process the caller talks to ('' for a cluster)   ARGV[7] the new claim's token
-- Returns settle.lua's answer, followed by claim.lua's.

function scripts.settle_and_claim(KEYS, ARGV)
  local queue, limits = open(KEYS, ARGV), read_limits(ARGV[2])
  follow_clock(queue)
  local settled, circuit = settle(queue, limits, ARGV[3], ARGV[4], ARGV[5])
  local answer = claim(queue, limits, ARGV[6], ARGV[7])
  if settled == '1' or answer[2] ~= 'loading' then save(queue) end
  return { settled, circuit, answer[1], answer[2], answer[3], answer[4] }
end
