-- How a session's queue stands.
--
-- KEYS and ARGV[1] as session.lua has them.
-- Returns {messages, held ones, first due or '', paused, paused with all, failures, open until, sent in the last minute,
-- sent in the last hour, now}.

local state = redis.call('HMGET', STATE, 'paused', 'paused_all', 'failures', 'open_until')
local due = redis.call('ZRANGE', DUE, 0, 0, 'WITHSCORES')
return {
  text(redis.call('HLEN', JOBS)), text(redis.call('ZCARD', LEASES)), due[2] and text(tonumber(due[2])) or '',
  state[1] or '0', state[2] or '0', state[3] or '0', state[4] or '0',
  text(redis.call('ZCOUNT', SENT, '(' .. text(now - 60000), '+inf')),
  text(redis.call('ZCOUNT', SENT, '(' .. text(now - 3600000), '+inf')),
  text(now),
}
