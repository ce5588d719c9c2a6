-- Begins or ends the loading of a queue from the database. Until it has ended, nothing is handed out.
--
-- KEYS and ARGV[1] as session.lua has them.
-- ARGV[2] begin or end   ARGV[3] a random token: the end must find the one of its beginning, so that an emptied Redis shows
-- ARGV[4] the server process that is loaded ('' for a cluster): the end must run on the one of its beginning
-- ARGV[5] for end: 1 if all sessions are paused
-- Returns 1, or 0 when the end does not find its beginning.

function scripts.load(KEYS, ARGV)
  local queue = open(KEYS, ARGV)
  local server = server_process(ARGV[4])
  local mark = ARGV[3] .. '@' .. server
  if ARGV[2] == 'begin' then
    queue.loading = mark
    save(queue)
    -- What the first layout kept of the session. All of it is in the database.
    local first_layout = string.match(queue.state, '^.-}:')
    for _, name in ipairs({ 'state', 'jobs', 'line', 'ready', 'due', 'held', 'sent' }) do
      call('UNLINK', first_layout .. name)
    end
    return 1
  end
  if queue.loading ~= mark then return 0 end
  queue.loading, queue.server, queue.paused_all = '', server, tonumber(ARGV[5])
  wake(queue)
  save(queue)
  return 1
end
