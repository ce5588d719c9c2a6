#!/usr/bin/env bash
# Checks the deployment as far as this machine can, without a container engine:
#
#   Dockerfile           each step of it in clean Debian roots made by debootstrap; the image's entry point as PID 1 of a namespace
#   docker-compose.yml   docker compose (or docker-compose) config
#   drover.service       systemd-analyze verify, and how exposed it is
#   nixpacks.toml        parsed, its packages and commands looked at; railway.json likewise
#   alerts.yml           promtool check rules, promtool test rules
#
# What a machine cannot do is said in a line that begins with "skipped", and is no failure. DROVER_BINARY names a built binary that
# the image's last stage takes; without it the build stage's cargo steps run too, with this machine's toolchain (a long build).
# CHECK_DEPLOY_DIR (a scratch folder, default a temporary one) keeps the Debian root between runs.
set -euo pipefail
cd "$(dirname "$0")/.."

failed=0
say() { printf '%s\n' "$*"; }
skipped() { say "skipped: $*"; }
check() {
  local name=$1
  shift
  if "$@"; then say "ok: $name"; else say "FAILED: $name"; failed=1; fi
}
have() { command -v "$1" >/dev/null 2>&1; }

compose() {
  local tool=()
  if docker compose version >/dev/null 2>&1; then tool=(docker compose)
  elif have docker-compose; then tool=(docker-compose)
  else skipped "docker-compose.yml: neither 'docker compose' nor docker-compose is here"; return; fi
  # The first docker-compose, which Debian has, knows all of the file but its name.
  valid() {
    sed '/^name: /d' deploy/docker-compose.yml |
      env POSTGRES_PASSWORD=secret DROVER_API_KEY=secret "${tool[@]}" --project-directory deploy -f - config --quiet
  }
  check "deploy/docker-compose.yml (${tool[*]} config)" valid
}

unit() {
  have systemd-analyze || { skipped "drover.service: no systemd-analyze"; return; }
  local scratch
  scratch=$(mktemp -d)
  # The program is not installed here; everything else of the unit is looked at as it is.
  sed "s#^ExecStart=/usr/local/bin/drover#ExecStart=$(command -v true)#" deploy/systemd/drover.service >"$scratch/drover.service"
  verify() { local words; words=$(systemd-analyze verify --man=no "$scratch/drover.service" 2>&1) && [ -z "$words" ] || { say "$words"; false; }; }
  check "deploy/systemd/drover.service (systemd-analyze verify)" verify
  # 10 is a service without any protection; user namespaces, which Chromium's sandbox needs, cost the most of what is left.
  exposure() { systemd-analyze security --offline=true --threshold=30 --no-pager "$scratch/drover.service" >/dev/null; }
  check "its exposure is at most 3.0 of 10 (systemd-analyze security)" exposure
  rm -r "$scratch"
}

files() {
  have python3 || { skipped "nixpacks.toml and railway.json: no python3"; return; }
  check "nixpacks.toml and railway.json" python3 - <<'PYTHON'
import json, re, tomllib

nixpacks = tomllib.load(open("nixpacks.toml", "rb"))
assert set(nixpacks) <= {"providers", "phases", "start", "variables"}, nixpacks.keys()
assert {"chromium", "redis"} <= set(nixpacks["phases"]["setup"]["nixPkgs"]), "what drover starts"
assert all(isinstance(command, str) for command in nixpacks["phases"]["build"]["cmds"])
assert nixpacks["start"]["cmd"] == "./target/release/drover serve"

railway = json.load(open("railway.json"))
deploy = railway["deploy"]
grace = int(re.search(r"^grace_s = (\d+)", open("config.default.toml").read(), re.M)[1])
assert deploy["drainingSeconds"] >= grace + 5, "the platform would kill before drover has ended"
assert deploy["healthcheckPath"] == "/health/ready"
assert deploy["numReplicas"] == 1, "one drover a data folder"
assert railway["build"]["dockerfilePath"] == "Dockerfile"
PYTHON
}

rules() {
  have promtool || { skipped "alerts.yml: no promtool (Debian: apt-get install prometheus)"; return; }
  check "deploy/prometheus/alerts.yml (promtool check rules)" promtool check rules deploy/prometheus/alerts.yml
  check "its unit tests (promtool test rules)" promtool test rules deploy/prometheus/alerts_test.yml
}

image() {
  [ "$(id -u)" = 0 ] || { skipped "Dockerfile: only root can make and enter a Debian root"; return; }
  have debootstrap || { skipped "Dockerfile: no debootstrap (Debian: apt-get install debootstrap)"; return; }
  have python3 || { skipped "Dockerfile: no python3"; return; }
  unshare --mount --pid --fork --mount-proc true 2>/dev/null || { skipped "Dockerfile: this machine allows no namespaces"; return; }
  check "Dockerfile, step by step, and what it starts" python3 tools/check_dockerfile.py
}

compose
unit
files
rules
image
[ "$failed" = 0 ] || { say "check-deploy: something FAILED, see above" >&2; exit 1; }
say "check-deploy: all that could be checked here is right"
