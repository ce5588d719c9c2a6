-- Gives back at once what others than the caller claimed and did not settle.
--
-- KEYS and ARGV[1] as session.lua has them.
-- ARGV[2] the caller, with which the tokens of its claims begin
-- Returns how many.

function scripts.take_over(KEYS, ARGV)
  local queue = open(KEYS, ARGV)
  local count = 0
  for index = #queue.holds, 1, -1 do
    if string.sub(queue.holds[index].token, 1, #ARGV[2]) ~= ARGV[2] then
      abandon(queue, table.remove(queue.holds, index))
      count = count + 1
    end
  end
  if count > 0 then
    wake(queue)
    save(queue)
  end
  return count
end
