-- Gives back at once what others than the caller claimed and did not settle.
--
-- KEYS and ARGV[1] as session.lua has them.
-- ARGV[2] the caller
-- Returns how many.

local count = 0
for _, id in ipairs(redis.call('ZRANGE', LEASES, 0, -1)) do
  local job = read_job(id)
  if not job or job.owner ~= ARGV[2] then
    abandon(id)
    count = count + 1
  end
end
if count > 0 then wake() end
return count
