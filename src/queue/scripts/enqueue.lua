-- Puts messages in the queue, each in its place in its chat's line. One that is there already is left alone.
--
-- KEYS and ARGV[1] as session.lua has them.
-- ARGV[2] the server process the caller talks to ('' for a cluster). Then for each message: id, chat, its priority (high, normal or low), its place
-- in the line (the time from which it counts, Unix ms), not before (Unix ms; 0 for at once).
-- Returns 1 if the queue is complete, 0 if it must be loaded from the database before anything is handed out.

local state = call('HMGET', STATE, 'server', 'is_awaited')
local is_loaded = state[1] == server_process(ARGV[2])
local has_work = false

for at = 3, #ARGV, 5 do
  local job = {
    id = ARGV[at], chat = ARGV[at + 1], priority = ARGV[at + 2], deliveries = 0, abandoned = false,
    -- Whatever lies beyond the rank's room is far enough away.
    place = math.min(number(ARGV[at + 3]), RANK - 1), not_before = number(ARGV[at + 4]),
  }
  if call('HSETNX', JOBS, job.id, pack_job(job)) == 1 then
    call('ZADD', LINE, 0, line_member(job.chat, job.place, job.id))
    local first = first_of(job.chat, 2)
    if first[1] == job.id and call('HEXISTS', HELD, job.chat) == 0 then
      if first[2] then unfile(first[2]) end
      file(job)
      has_work = true
    end
  end
end
if has_work and is_loaded then wake_who_waits(state[2]) end
return is_loaded and 1 or 0
