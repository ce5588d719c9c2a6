-- Settles a claim, if it still holds.
--
-- KEYS and ARGV[1] as session.lua has them; ARGV from 2 on as settling.lua has them.
-- Returns {'1' or '0' as settling.lua has it, what became of the circuit}.

return { settle(2, read_state()) }
