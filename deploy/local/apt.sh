# shellcheck shell=bash
# To be sourced: Debian's packages, and the two ways to speak.

say() { echo "==> $*" >&2; }

die() {
  echo "make: $*" >&2
  exit 1
}

can_apt_install() { [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; }

# As root. A fresh container has no package lists: the first failure is answered with one update.
apt_install() {
  local install=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=120 --no-install-recommends install)
  say "Installing with apt-get: $*"
  "${install[@]}" "$@" > /dev/null 2>&1 || { apt-get -q update > /dev/null && "${install[@]}" "$@" > /dev/null; }
}
