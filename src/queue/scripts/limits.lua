-- What holds for a claim and for its settlement. It is told with every call, so that it can change between two.
--
-- ARGV[2]: numbers of four bytes, one after the other: length of the lease (ms), pause after this message (ms, jitter included),
-- messages a minute, how many at once, messages an hour, messages a day, messages a minute to one chat, failures that open the
-- circuit, how long it stays open (ms). A limit of 0 is none.

-- Those of the last call; most calls tell the same.
local limits, limits_told = {}, nil

local function read_limits(told)
  if told ~= limits_told then
    limits.lease, limits.gap, limits.per_minute, limits.burst, limits.per_hour, limits.per_day, limits.per_chat,
      limits.circuit_failures, limits.circuit_open = struct.unpack('<I4I4I4I4I4I4I4I4I4', told)
    limits_told = told
  end
  return limits
end
