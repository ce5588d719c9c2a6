#!/usr/bin/env bash
# The demo: a simulated WhatsApp with a phone to hold, and a drover that is linked to it. Ctrl-C ends everything; nothing is left.
#
#   tools/demo.sh [target folder]      (make demo builds first)
#   PORT=3001 PHONE_PORT=8789 make demo
set -euo pipefail

target=$(cd "${1:-target}" && pwd)
bin=$target/debug
demo=$target/demo
port=${PORT:-3000}
phone_port=${PHONE_PORT:-8788}
session=demo

say() { printf '%s\n' "$@"; }
fail() { say "demo: $*" >&2; exit 1; }

exec 9>"$target/demo.lock"
flock -n 9 || fail "another demo runs on $demo"
rm -rf "$demo"
mkdir -p -m 0700 "$demo"

simulator='' drover='' foreground='' interrupted=''

# In the order in which they depend on each other. Each is a child of this shell, so its id cannot have been taken by another.
cleanup() {
  trap '' INT TERM
  local child
  for child in $foreground $drover $simulator; do
    kill -TERM "$child" 2>/dev/null || true
    # Not by `wait`: bash waits for ever for a child that ended in the moment in which a signal ended another wait.
    while kill -0 "$child" 2>/dev/null; do sleep 0.05; done
  done
  rm -rf "$demo"
}
trap cleanup EXIT
trap 'interrupted=130' INT
trap 'interrupted=143' TERM HUP

end_if_interrupted() {
  [ -n "$interrupted" ] || return 0
  say "" "demo: ending drover, its browser and its Redis"
  exit "$interrupted"
}

# An own process group for what runs in the background, so that Ctrl-C reaches this script alone and things end in order.
start_apart() {
  local log=$1
  shift
  set -m
  "$@" </dev/null >"$log" 2>&1 9>&- &
  set +m
}

# await <what> <process> <log> <command...>: until the command holds; ends the demo if the process does.
await() {
  local what=$1 process=$2 log=$3 tries=0
  shift 3
  until "$@"; do
    end_if_interrupted
    kill -0 "$process" 2>/dev/null || { tail -n 5 "$log" >&2; fail "$what ended; its last lines are above"; }
    tries=$((tries + 1))
    [ "$tries" -lt 300 ] || { tail -n 5 "$log" >&2; fail "$what did not answer within 30 s"; }
    sleep 0.1
  done
}

# In the foreground of the terminal, but ended by our trap and not before it. What is waited for has ended already: see `cleanup`.
attend() {
  "$@" 9>&- &
  foreground=$!
  while kill -0 "$foreground" 2>/dev/null; do
    end_if_interrupted
    sleep 0.1
  done
  end_if_interrupted
  local code=0
  wait "$foreground" || code=$?
  foreground=''
  return "$code"
}

# drover's settings for the demo alone: neither .env nor drover.toml of this folder is read.
cd "$demo"
export DROVER_DATA_DIR=$demo/data PORT=$port
unset REDIS_URL DATABASE_URL DROVER_API_KEY

start_apart "$demo/simulator.log" "$bin/drover-simulator" --https 127.0.0.1:0 --http "127.0.0.1:$phone_port"
simulator=$!
await "the simulator" "$simulator" "$demo/simulator.log" grep -q '"https"' "$demo/simulator.log"
https=$(sed -nE 's/.*"https" *: *"([^"]+)".*/\1/p' "$demo/simulator.log" | head -n 1)

DROVER_SIMULATOR=$https start_apart "$demo/drover.log" "$bin/drover" serve
drover=$!
await "drover" "$drover" "$demo/drover.log" grep -q 'drover listens on' "$demo/drover.log"

cat <<TXT

  drover runs on http://127.0.0.1:$port, and WhatsApp is simulated.

  1. Open the phone:   http://127.0.0.1:$phone_port
  2. Scan the code:    the button there scans the QR that this session shows below

TXT
attend "$bin/drover" link "$session" --note "No phone at hand? http://127.0.0.1:$phone_port is one: its button scans this code" || fail "the session was not linked"

key="$DROVER_DATA_DIR/admin.key"
cat <<TXT

  Linked. Now, in another terminal:

  export DROVER_DATA_DIR=$DROVER_DATA_DIR PORT=$port

  3. Send:       $bin/drover send $session 15559990001 "Hello from drover"
     or as a backend does:
                 curl http://127.0.0.1:$port/api/sendText -H "X-Api-Key: \$(cat $key)" -H 'Content-Type: application/json' \\
                   -d '{"session":"$session","chatId":"15559990001","text":"Hello by HTTP"}'
     It is on the phone's page at once, and its ticks (ack 1, 2, 3) appear below.
  4. Receive:    answer on the phone's page; the message appears below.
  5. Restart:    curl -X POST http://127.0.0.1:$port/api/sessions/$session/restart -H "X-Api-Key: \$(cat $key)"
     The browser is replaced; the session is WORKING again by itself, without a QR.
  6. Unlink on the phone's page: a new QR is there ($bin/drover link $session).

  Ctrl-C ends everything and leaves nothing. What happens, one line an event:

TXT
attend "$bin/drover" events --follow || true
kill -0 "$drover" 2>/dev/null || fail "drover ended: $(tail -n 3 "$demo/drover.log")"
