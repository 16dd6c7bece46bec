#!/usr/bin/env bash
# Makes sure that there is a redis-server; silent if there is. Uses the system's if it is recent enough.
# Otherwise unpacks Debian's packages inside .venv: the same for root and for others, no service is left running,
# nothing outside the folder changes, and `make clean` takes it away.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/local/apt.sh

advice="Install Redis 6.2 or newer, or Valkey (apt-get install redis-server, dnf install valkey, brew install redis), \
or set REDIS_URL to one that runs (not for the tests, which start their own)."

# XTRIM MINID needs 6.2.
recent() {
  local version
  version=$("$1" --version 2> /dev/null | sed -n 's/.* v=\([0-9.]*\).*/\1/p')
  [ -n "$version" ] && [ "$(printf '%s\n' 6.2 "$version" | sort -V | head -n 1)" = 6.2 ]
}

have_server() {
  local server
  for server in .venv/bin/redis-server redis-server valkey-server; do
    if recent "$server"; then return; fi
  done
  return 1
}

# Those two, and what they need that is not installed here.
needed_packages() {
  printf '%s\n' redis-server redis-tools
  "${apt[@]}" install --simulate --no-install-recommends redis-server 2> /dev/null | sed -n 's/^Inst \([^ ]*\) .*/\1/p'
}

unpack() {
  local deb packages
  mkdir -p "$work/root"
  choose_lists redis-server
  mapfile -t packages < <(needed_packages | sort -u)
  say "No redis-server here: unpacking ${packages[*]} into .venv/redis"
  apt_extract "$work/root" "${packages[@]}" || die "redis-server can't be downloaded (the lines above say why). $advice"
  rm -rf .venv/redis
  mv "$work/root" .venv/redis
}

write_starter() {
  cat > .venv/bin/redis-server << 'END'
#!/bin/sh
# Debian's redis-server, unpacked beside this virtual environment, with the libraries that came with it.
redis=$(dirname "$(readlink -f "$0")")/../redis
LD_LIBRARY_PATH=$(printf '%s:' "$redis"/usr/lib/* "$redis"/lib/*)${LD_LIBRARY_PATH:-}
export LD_LIBRARY_PATH
exec "$redis/usr/bin/redis-server" "$@"
END
  chmod +x .venv/bin/redis-server
}

if have_server; then exit 0; fi
if ! command -v apt-get > /dev/null || ! command -v dpkg-deb > /dev/null; then die "There is no redis-server here. $advice"; fi
work=$(mktemp -d "$PWD/.venv/redis.XXXXXX")
trap 'rm -rf "$work"' EXIT
unpack
write_starter
recent .venv/bin/redis-server ||
  die "The unpacked redis-server does not run here: $(.venv/bin/redis-server --version 2>&1 | tail -n 1). $advice"
