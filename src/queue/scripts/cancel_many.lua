-- Takes waiting messages out.
--
-- KEYS and ARGV[1] as session.lua has them.
-- ARGV[2] and the rest: ids
-- Returns how many; those that are not there, and those that a sender holds, are left alone.

local count = 0
for index = 2, #ARGV do
  local job = read_job(ARGV[index])
  if job and job.token == '' then
    local is_first = first_of(job.chat, 1)[1] == job.id
    redis.call('HDEL', JOBS, job.id)
    redis.call('ZREM', LINE, line_member(job))
    if is_first then
      unfile(job.chat)
      file(job.chat)
    end
    count = count + 1
  end
end
if count > 0 then wake() end
return count
