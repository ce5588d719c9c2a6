-- Hands out the next message that may be sent, with a lease; or says why there is none, and when to ask again.
--
-- KEYS and ARGV[1] as session.lua has them, ARGV[2] as limits.lua has it.
-- ARGV[3] the server process the caller talks to ('' for a cluster)   ARGV[4] the new claim's token
-- Returns what claiming.lua answers.

function scripts.claim(KEYS, ARGV)
  local queue, limits = open(KEYS, ARGV), read_limits(ARGV[2])
  follow_clock(queue)
  local answer = claim(queue, limits, ARGV[3], ARGV[4])
  if answer[2] ~= 'loading' then save(queue) end
  return answer
end
