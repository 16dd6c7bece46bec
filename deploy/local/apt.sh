# shellcheck shell=bash
# To be sourced: messages, and Debian's packages.

work=   # a scratch folder, as an absolute path, and what to do where nothing can be
advice= # downloaded: the sourcing script sets them before it calls choose_lists

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

# Sets `apt`: apt-get without root, in the folder $work, with the system's package lists if they have this package, else
# with lists of our own.
choose_lists() {
  apt=(apt-get -q -o APT::Sandbox::User=root) # root's downloads go into a folder that the user _apt can't write to
  if [ -n "$(apt-cache madison "$1" 2> /dev/null)" ]; then return; fi
  mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial"
  apt+=(-o "Dir::State=$work/state" -o Dir::State::status=/var/lib/dpkg/status -o "Dir::Cache=$work/cache")
  "${apt[@]}" update > /dev/null || die "apt-get update failed (the lines above say why). $advice"
}

# Unpacks packages into a folder, after choose_lists. Installs nothing, so no service is started.
apt_extract() {
  local folder=$1 deb
  shift
  mkdir -p "$work/deb" "$folder"
  (cd "$work/deb" && "${apt[@]}" download "$@" > /dev/null) || return
  for deb in "$work"/deb/*.deb; do dpkg-deb --extract "$deb" "$folder"; done
}
