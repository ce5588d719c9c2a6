-- Adds numbered entries to the end of a capped stream, unless it ends elsewhere than the caller believes.
--
-- KEYS[1] the stream
-- ARGV[1] the number of its last entry, as the caller knows it; 0 for a stream that is not there
-- ARGV[2] about how many entries are kept
-- ARGV[3] and the rest, an entry each: its number, how many words follow, the names and values of its fields
-- Returns the number of the last entry now, as text.

local STREAM, EXPECTED, KEPT = KEYS[1], ARGV[1], ARGV[2]

local function last_number()
  if redis.call('EXISTS', STREAM) == 0 then return '0' end
  local about = redis.call('XINFO', 'STREAM', STREAM)
  for at = 1, #about, 2 do
    if about[at] == 'last-generated-id' then return string.match(about[at + 1], '^%d+') end
  end
  return '0'
end

local last = last_number()
if last ~= EXPECTED then return last end
local at = 3
while at <= #ARGV do
  local words = tonumber(ARGV[at + 1])
  redis.call('XADD', STREAM, 'MAXLEN', '~', KEPT, ARGV[at] .. '-0', unpack(ARGV, at + 2, at + 1 + words))
  last = ARGV[at]
  at = at + 2 + words
end
return last
