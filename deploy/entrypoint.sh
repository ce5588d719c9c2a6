#!/bin/sh
# Starts drover as the user drover. Started as root (some platforms mount volumes that only root can write), it hands the data
# folder over first and then drops root for good.
set -eu

if [ "$(id -u)" = 0 ]; then
  data=${RAILWAY_VOLUME_MOUNT_PATH:-${DROVER_DATA_DIR:-/data}}
  mkdir -p "$data"
  # Only what is not drover's yet: a data folder may hold gigabytes.
  find "$data" ! -user drover -exec chown drover:drover {} +
  exec setpriv --reuid drover --regid drover --init-groups --no-new-privs env HOME=/home/drover drover "$@"
fi
exec drover "$@"
