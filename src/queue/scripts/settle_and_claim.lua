-- Settles a claim and hands out the next message in the same round trip.
--
-- KEYS and ARGV[1] as session.lua has them; ARGV[2] to ARGV[8] as settling.lua has them, from ARGV[9] on as claiming.lua has.
-- Returns settle.lua's answer, followed by claim.lua's.

local state = read_state()
local settled, circuit = settle(2, state)
local answer = claim(9, state)
table.insert(answer, 1, settled)
table.insert(answer, 2, circuit)
return answer
