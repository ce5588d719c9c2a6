#!/usr/bin/env bash
# Installs what drover needs and this machine lacks, when it may; else names the exact command and ends with 1.
#
#   tools/install.sh build   a C compiler, for the crates that build C
#   tools/install.sh run     build, a Chromium and redis-server
#   tools/install.sh test    run, both kinds of Chromium, PostgreSQL, aiosmtpd (a mail server), cargo-nextest and mold
#
# It may when it runs as root or sudo asks for no password, and the machine has apt-get.
set -euo pipefail

purpose=${1:-run}
case $purpose in build | run | test) ;; *) echo "usage: tools/install.sh build|run|test" >&2; exit 2 ;; esac

have() { command -v "$1" >/dev/null 2>&1; }

have_any() {
  local name
  for name in "$@"; do have "$name" && return 0; done
  return 1
}

have_chromium() {
  [ -n "${DROVER_CHROMIUM:-}${PUPPETEER_EXECUTABLE_PATH:-}${CHROME_PATH:-}" ] ||
    have_any chromium-headless-shell chromium chromium-browser google-chrome google-chrome-stable ||
    compgen -G '/nix/store/*/bin/chromium' >/dev/null
}

have_postgres() { have postgres || compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null; }

# The tests' mail server, of the distribution's own Python.
have_mail_server() { /usr/bin/python3 -c 'import aiosmtpd' >/dev/null 2>&1; }

# What is missing, as words that the package lists below translate.
missing=()
have_any cc gcc clang || missing+=(compiler)
if [ "$purpose" != build ]; then
  [ -n "${REDIS_URL:-}" ] || have redis-server || missing+=(redis)
  have_chromium || missing+=(chromium)
fi
if [ "$purpose" = test ]; then
  have redis-server || [[ " ${missing[*]} " == *" redis "* ]] || missing+=(redis)
  have chromium-headless-shell || missing+=(headless-shell)
  have chromium || missing+=(full-chromium)
  have_postgres || missing+=(postgres)
  have_mail_server || missing+=(mail-server)
  have mold || missing+=(mold)
fi

# translate <word>: the packages of this machine's distribution.
debian_package() {
  case $1 in
    compiler) echo build-essential ;;
    redis) echo redis-server ;;
    chromium) if apt-cache show chromium-headless-shell >/dev/null 2>&1; then echo chromium-headless-shell; else echo chromium; fi ;;
    headless-shell) echo chromium-headless-shell ;;
    full-chromium) echo chromium ;;
    postgres) echo postgresql ;;
    mail-server) echo python3-aiosmtpd ;;
    mold) echo mold ;;
  esac
}

other_package() {
  case $1:$2 in
    dnf:compiler | pacman:compiler | zypper:compiler) echo gcc ;;
    apk:compiler) echo build-base ;;
    brew:compiler) echo gcc ;;
    dnf:chromium | dnf:headless-shell) echo chromium-headless ;;
    dnf:full-chromium) echo chromium ;;
    *:chromium | *:headless-shell | *:full-chromium) echo chromium ;;
    *:redis) echo redis ;;
    dnf:postgres | zypper:postgres) echo postgresql-server ;;
    *:postgres) echo postgresql ;;
    *:mail-server) echo python3-aiosmtpd ;;
    *:mold) echo mold ;;
  esac
}

# Package lists that are absent or older than a day name versions that the mirror no longer has.
refresh_lists() {
  local newest
  newest=$(find /var/lib/apt/lists -maxdepth 1 -name '*Packages*' -mtime -1 -print -quit 2>/dev/null || true)
  [ -n "$newest" ] || as_root apt-get update -qq
}

as_root() {
  if [ "$(id -u)" = 0 ]; then env DEBIAN_FRONTEND=noninteractive "$@" </dev/null
  else sudo -n env DEBIAN_FRONTEND=noninteractive "$@" </dev/null; fi
}

may_install() { [ "$(id -u)" = 0 ] || { have sudo && sudo -n true >/dev/null 2>&1; }; }

# Without these the purpose can still be served, only slower or with one kind of Chromium.
optional() { case $1 in mold) true ;; headless-shell | full-chromium) have_chromium ;; *) false ;; esac; }

install_with_apt() {
  local word package packages=() wanted=()
  if may_install; then refresh_lists; fi
  for word in "${missing[@]}"; do
    package=$(debian_package "$word")
    if apt-cache show "$package" >/dev/null 2>&1; then
      packages+=("$package")
    elif optional "$word"; then
      echo "drover: no package '$package' for this machine; going on without it" >&2
    elif [ "$word" = chromium ] && may_install; then
      echo "drover: this distribution packages no Chromium (Ubuntu's is a snap, whose sandbox drover cannot use)." >&2
      echo "Install Google Chrome, or name any Chromium: DROVER_CHROMIUM=/path/to/chromium" >&2
      return 1
    else
      packages+=("$package")
    fi
  done
  [ "${#packages[@]}" -gt 0 ] || return 0
  mapfile -t wanted < <(printf '%s\n' "${packages[@]}" | sort -u)
  if ! may_install; then
    echo "drover needs packages that only root may install. Run this, then try again:" >&2
    echo "  sudo apt-get update && sudo apt-get install -y --no-install-recommends ${wanted[*]}" >&2
    return 1
  fi
  echo "drover: installing ${wanted[*]}"
  as_root apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null ||
    { as_root apt-get update -qq && as_root apt-get install -y -qq --no-install-recommends "${wanted[@]}" >/dev/null; } ||
    { echo "drover: apt-get could not install ${wanted[*]}; its message is above" >&2; return 1; }
}

# Elsewhere the command is named and not run.
name_the_command() {
  local manager word packages=()
  for manager in dnf zypper pacman apk brew; do have "$manager" && break; manager=; done
  for word in "${missing[@]}"; do
    optional "$word" || packages+=("$(other_package "${manager:-other}" "$word")")
  done
  [ "${#packages[@]}" -gt 0 ] || return 0
  mapfile -t packages < <(printf '%s\n' "${packages[@]}" | sort -u)
  echo "drover needs what this machine lacks. Run this, then try again:" >&2
  case ${manager:-none} in
    dnf) echo "  sudo dnf install -y ${packages[*]}" ;;
    zypper) echo "  sudo zypper install -y ${packages[*]}" ;;
    pacman) echo "  sudo pacman -S --needed ${packages[*]}" ;;
    apk) echo "  sudo apk add ${packages[*]}" ;;
    brew) echo "  brew install ${packages[*]}" ;;
    none) echo "  install with your package manager: ${packages[*]}" ;;
  esac >&2
  return 1
}

if [ "${#missing[@]}" -gt 0 ]; then
  if have apt-get; then install_with_apt; else name_the_command; fi
fi

if ! have cargo; then
  echo "drover is built with Rust: install it from https://rustup.rs, then try again" >&2
  exit 1
fi

# The tests also run under plain 'cargo test'; nextest isolates them better and ends what hangs.
if [ "$purpose" = test ] && ! cargo nextest --version >/dev/null 2>&1; then
  echo "drover: installing cargo-nextest (a few minutes, once)"
  cargo install --locked --quiet cargo-nextest </dev/null ||
    echo "drover: cargo-nextest could not be installed; 'cargo test' will do" >&2
fi
