-- Takes a waiting message out.
--
-- KEYS and ARGV[1] as session.lua has them.
-- ARGV[2] id
-- Returns 1, or 0 when it is not there or a sender holds it.

local job = read_job(ARGV[2])
if not job or job.token ~= '' then return 0 end

local is_first = first_of(job.chat, 1)[1] == job.id
redis.call('HDEL', JOBS, job.id)
redis.call('ZREM', LINE, line_member(job))
if is_first then
  unfile(job.chat)
  if file(job.chat) then wake() end
end
return 1
