-- Puts back, while a queue is loaded, what an emptied Redis forgot of its pace: what the database holds replaces what is here.
--
-- KEYS and ARGV[1] as session.lua has them.
-- ARGV[2] failures in a row   ARGV[3] the circuit is open until (Unix ms)   ARGV[4] cause of its pause, or ''
-- ARGV[5] may go on at (Unix ms)   ARGV[6] burst used up to (Unix ms)   ARGV[7] messages since the day began
-- Then for each attempt of the last hour, the earliest first: its time (Unix ms), its chat.
-- Returns 1.

local MINUTE = 60000
local pace = read_pace(call('HGET', STATE, 'pace'))
pace.next_at, pace.bucket = number(ARGV[5]), number(ARGV[6])
pace.day, pace.in_day = math.floor(now / DAY), number(ARGV[7])
pace.kept = (#ARGV - 7) / 2
call('HSET', STATE, 'failures', ARGV[2], 'open_until', ARGV[3], 'paused', ARGV[4], 'pace', pack_pace(pace))
call('HDEL', STATE, 'last')
call('DEL', SENT)
local known = {}
for at = 8, #ARGV, 2 do
  call('RPUSH', SENT, ARGV[at])
  local key, age = to_chat(ARGV[at + 1]), now - number(ARGV[at])
  if age < MINUTE then
    if not known[key] then call('DEL', key) end
    known[key] = true
    call('RPUSH', key, ARGV[at])
    call('PEXPIRE', key, MINUTE - math.max(0, age))
  end
end
return 1
