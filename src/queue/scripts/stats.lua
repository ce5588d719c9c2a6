-- How a session's queue stands.
--
-- KEYS and ARGV[1] as session.lua has them.
-- Returns {messages, held ones, first due or '', cause of its pause or '', '1' if paused with all, failures, open until,
-- sent in the last minute, sent in the last hour, sent today, now}.

function scripts.stats(KEYS, ARGV)
  local queue = open(KEYS, ARGV)
  local due = call('ZRANGE', queue.due, '0', '0', 'WITHSCORES')
  local today = queue.day == math.floor(queue.now / 86400000) and queue.in_day or 0
  local function text(value)
    return string.format('%.0f', value)
  end
  return {
    text(call('ZCARD', queue.line)), text(#queue.holds), due[2] and text(due[2]) or '',
    queue.paused, text(queue.paused_all), text(queue.failures), text(queue.open_until),
    text(younger_than(queue, 60000)), text(younger_than(queue, 3600000)), text(today), text(queue.now),
  }
end
