-- Counts something against a limit within a window that slides, if it still fits.
--
-- KEYS[1] when it happened (sorted set: a random member, its time)
-- ARGV[1] the time in Unix milliseconds, or '' for this server's own   ARGV[2] a random member   ARGV[3] how many fit
-- ARGV[4] the window in milliseconds
-- Returns {in how many milliseconds the next one fits, 0 when this one is counted; how many are left; in how many
-- milliseconds one more will be}.

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end
local limit, window = tonumber(ARGV[3]), tonumber(ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - window)
local used = redis.call('ZCARD', KEYS[1])
if used >= limit then
  -- What was counted later than now was counted before this server's clock was set back: it counts as now.
  for _, ahead in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now), '+inf')) do
    redis.call('ZADD', KEYS[1], now, ahead)
  end
  local oldest = redis.call('ZREVRANGE', KEYS[1], limit - 1, limit - 1, 'WITHSCORES')
  local wait = math.max(1, tonumber(oldest[2]) + window - now)
  return { wait, 0, wait }
end
redis.call('ZADD', KEYS[1], now, ARGV[2])
redis.call('PEXPIRE', KEYS[1], window)
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return { 0, limit - used - 1, math.min(window, math.max(1, tonumber(first[2]) + window - now)) }
