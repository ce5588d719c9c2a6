-- Counts a message against an API key's limit, if it still fits.
--
-- KEYS[1] when the key handed messages in (sorted set: a random member, its time)
-- ARGV[1] the time in Unix milliseconds, or '' for this server's own   ARGV[2] a random member   ARGV[3] messages a minute
-- Returns 0 when it is counted, else in how many milliseconds the next one fits.

local MINUTE = 60000
local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local limit = tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - MINUTE)
if redis.call('ZCARD', KEYS[1]) >= limit then
  -- What was counted later than now was counted before this server's clock was set back: it counts as now.
  for _, ahead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now), '+inf')) do
    redis.call('ZADD', KEYS[1], now, ahead)
  end
  redis.call('PEXPIRE', KEYS[1], MINUTE)
  local oldest = redis.call('ZREVRANGE', KEYS[1], limit - 1, limit - 1, 'WITHSCORES')
  return math.max(1, tonumber(oldest[2]) + MINUTE - now)
end
redis.call('ZADD', KEYS[1], now, ARGV[2])
redis.call('PEXPIRE', KEYS[1], MINUTE)
return 0
