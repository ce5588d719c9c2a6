-- Puts back, while a queue is loaded, what an emptied Redis forgot of its pace: what the database holds replaces what is here.
--
-- KEYS and ARGV[1] as session.lua has them.
-- ARGV[2] failures in a row   ARGV[3] the circuit is open until (Unix ms)   ARGV[4] cause of its pause, or ''
-- ARGV[5] may go on at (Unix ms)   ARGV[6] burst used up to (Unix ms)   ARGV[7] messages since the day began
-- Then for each attempt of the last hour, the earliest first: its time (Unix ms), its chat.
-- Returns 1.

function scripts.restore(KEYS, ARGV)
  local queue = open(KEYS, ARGV)
  follow_clock(queue)
  queue.failures, queue.open_until, queue.paused = tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
  queue.next_at, queue.bucket = tonumber(ARGV[5]), tonumber(ARGV[6])
  queue.day, queue.in_day = math.floor(queue.now / 86400000), tonumber(ARGV[7])
  queue.kept = (#ARGV - 7) / 2
  queue.unindexed = queue.kept
  -- No claim of before is the latest any more: its release puts no pace back.
  queue.claims = (queue.claims + 1) % 4294967296
  call('DEL', queue.sent)
  for at = 8, #ARGV, 2 do
    call('RPUSH', queue.sent, ARGV[at] .. '|' .. ARGV[at + 1])
    call('DEL', to_chat(queue, ARGV[at + 1]))
  end
  save(queue)
  return 1
end
