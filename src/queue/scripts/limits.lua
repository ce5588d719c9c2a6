-- What holds for a claim and for its settlement. It is told with every call, so that it can change between two.
--
-- ARGV[2] numbers of four bytes, one after the other: length of the lease (ms), pause after this message (ms, jitter included),
-- messages a minute, how many at once, messages an hour, messages a day, messages a minute to one chat, failures that open the
-- circuit, how long it stays open (ms). A limit of 0 is none.

local limits
do
  local lease, gap, per_minute, burst, per_hour, per_day, per_chat, circuit_failures, circuit_open =
    struct.unpack('<I4I4I4I4I4I4I4I4I4', ARGV[2])
  limits = {
    lease = lease, gap = gap, per_minute = per_minute, burst = burst, per_hour = per_hour, per_day = per_day,
    per_chat = per_chat, circuit_failures = circuit_failures, circuit_open = circuit_open,
  }
end
