-- Takes a waiting message out.
--
-- KEYS and ARGV[1] as session.lua has them.
-- ARGV[2] id
-- Returns 1, or 0 when it is not there or a sender holds it.

local job = read_job(ARGV[2])
if not job then return 0 end
local packed = call('HGET', HELD, job.chat)
if packed and read_hold(packed).id == job.id then return 0 end

local is_filed = not packed and first_of(job.chat, 1)[1] == job.id
call('HDEL', JOBS, job.id)
call('ZREM', LINE, line_member(job.chat, job.place, job.id))
if is_filed then
  unfile(job.id)
  if file_first_of(job.chat) then wake_who_waits(call('HGET', STATE, 'is_awaited')) end
end
return 1
