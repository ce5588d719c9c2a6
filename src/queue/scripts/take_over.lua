-- Gives back at once what others than the caller claimed and did not settle.
--
-- KEYS and ARGV[1] as session.lua has them.
-- ARGV[2] the caller
-- Returns how many.

local count = 0
local holds = call('HGETALL', HELD)
for index = 2, #holds, 2 do
  local hold = read_hold(holds[index])
  if hold.owner ~= ARGV[2] then
    abandon(holds[index - 1], hold.id)
    count = count + 1
  end
end
if count > 0 then wake() end
return count
