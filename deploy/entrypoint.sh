#!/bin/sh
# Starts drover as the user drover. Started as root (some platforms mount volumes that only root can write), it hands the data
# folder over first and then drops root, its capabilities and the way back for good.
set -eu

if [ "$(id -u)" = 0 ]; then
  # In the order in which drover looks for it.
  data=${DROVER_DATA__DIR:-${DROVER_DATA_DIR:-${RAILWAY_VOLUME_MOUNT_PATH:-/data}}}
  mkdir -p "$data"
  # Only what is not drover's yet: a data folder may hold gigabytes. A volume that is mounted read-only keeps its owner, and
  # drover says what is wrong with it.
  find "$data" ! -user drover -exec chown -h drover:drover {} + || true
  exec setpriv --reuid drover --regid drover --init-groups --inh-caps=-all --no-new-privs env HOME=/home/drover drover "$@"
fi
exec drover "$@"
