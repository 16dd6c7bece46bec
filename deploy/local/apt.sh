# shellcheck shell=bash
# To be sourced: messages, and Debian's packages.

say() { echo "==> $*" >&2; }

die() {
  echo "make: $*" >&2
  exit 1
}

can_apt_install() { [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; }

# As root. Shows the output of apt-get only if it fails. A fresh container has no package lists: then one update.
apt_install() {
  local install=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 --no-install-recommends install)
  local output
  say "Installing with apt-get: $*"
  output=$("${install[@]}" "$@" 2>&1) && return
  output=$(apt-get -q update 2>&1 && "${install[@]}" "$@" 2>&1) && return
  echo "$output" >&2
  return 1
}
