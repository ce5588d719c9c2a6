-- Takes waiting messages out.
--
-- KEYS and ARGV[1] as session.lua has them.
-- ARGV[2] and the rest: ids
-- Returns how many; those that are not there, and those that a sender holds, are left alone.

local count, has_work = 0, false
for at = 2, #ARGV do
  local job = read_job(ARGV[at])
  local packed = job and call('HGET', HELD, job.chat)
  if job and not (packed and read_hold(packed).id == job.id) then
    local is_filed = not packed and first_of(job.chat, 1)[1] == job.id
    call('HDEL', JOBS, job.id)
    call('ZREM', LINE, line_member(job.chat, job.place, job.id))
    if is_filed then
      unfile(job.id)
      has_work = file_first_of(job.chat) or has_work
    end
    count = count + 1
  end
end
if has_work then wake_who_waits(call('HGET', STATE, 'is_awaited')) end
return count
