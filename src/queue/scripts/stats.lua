-- How a session's queue stands.
--
-- KEYS and ARGV[1] as session.lua has them.
-- Returns {messages, held ones, first due or '', cause of its pause or '', '1' if paused with all, failures, open until,
-- sent in the last minute, sent in the last hour, sent today, now}.

-- How many times in the list are younger than `span`: they rise, so that the first one is found by halving.
local function younger_than(span)
  local count = call('LLEN', SENT)
  local low, high = 0, count
  while low < high do
    local middle = math.floor((low + high) / 2)
    if number(call('LINDEX', SENT, middle)) + span > now then high = middle else low = middle + 1 end
  end
  return count - low
end

local state = call('HMGET', STATE, 'paused', 'paused_all', 'failures', 'open_until', 'pace')
local due = call('ZRANGE', DUE, 0, 0, 'WITHSCORES')
local pace = read_pace(state[5])
return {
  text(call('HLEN', JOBS)), text(call('HLEN', HELD)), due[2] and text(number(due[2])) or '',
  state[1] or '', state[2] or '0', state[3] or '0', state[4] or '0',
  text(younger_than(60000)), text(younger_than(3600000)),
  text(pace.day == math.floor(now / DAY) and pace.in_day or 0), text(now),
}
