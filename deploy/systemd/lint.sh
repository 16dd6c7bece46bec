#!/usr/bin/env bash
# What `make lint` checks of the units: silent if all is well. As systemd looks for the programs that they start, it gets
# a root folder with empty ones. Where systemd is not, or too old to do it offline, it says that they stay unchecked.
set -euo pipefail
cd "$(dirname "$0")"

version=$(systemd-analyze --version 2> /dev/null | awk 'NR == 1 { print $2 }') || version=
if [ "${version:-0}" -lt 252 ] || [ ! -d /usr/lib/systemd/system ]; then
  echo "Not checked: the units in deploy/systemd, which need systemd-analyze of systemd 252 or newer." >&2
  exit 0
fi
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/etc/systemd/system" "$root/usr/lib/systemd"
cp -r explorer* "$root/etc/systemd/system/"
cp -r /usr/lib/systemd/system "$root/usr/lib/systemd/"
sed -n 's/^ExecStart=\([^ ]*\).*/\1/p' explorer*.service | sort -u | while read -r program; do
  install -D /dev/null "$root$program"
done

quietly() {
  local output
  output=$("$@" 2>&1) || {
    echo "$output" >&2
    exit 1
  }
}

units=("$root"/etc/systemd/system/explorer*.{service,target})
# It tells of some faults, such as of an unknown setting, with exit code 0.
said=$(systemd-analyze verify --man=no --root="$root" "${units[@]}" 2>&1) || true
if [ -n "$said" ]; then
  echo "$said" >&2
  exit 1
fi
# Of 10: systemd's own measure of what a process that was taken over could still do.
quietly systemd-analyze security --no-pager --offline=true --threshold=20 --root="$root" \
  explorer-{setup,redis,consumer,flusher,compactor,handles,maintenance,web}.service
