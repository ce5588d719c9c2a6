-- Hands out the next message that may be sent, with a lease; or says why there is none, and when to ask again.
--
-- KEYS and ARGV[1] as session.lua has them; ARGV from 2 on as claiming.lua has them, and its answer.

return claim(2, read_state())
