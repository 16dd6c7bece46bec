#!/usr/bin/env bash
# Makes sure that there are the programs named: prometheus, promtool, prometheus-alertmanager, amtool,
# prometheus-redis-exporter, prometheus-node-exporter, caddy, cloud-init. Silent if there are. Otherwise unpacks Debian's packages inside
# .venv: the same for root and for others, no service is started, and `make clean` takes them away.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/local/apt.sh

missing() {
  local program
  for program in "$@"; do
    command -v ".venv/bin/$program" "$program" > /dev/null || package_of "$program"
  done | sort -u
}

package_of() {
  case "$1" in
    promtool) echo prometheus ;;
    amtool) echo prometheus-alertmanager ;;
    *) echo "$1" ;;
  esac
}

mapfile -t packages < <(missing "$@")
if [ "${#packages[@]}" = 0 ]; then exit 0; fi
advice="Install ${packages[*]} yourself."
if ! command -v apt-get > /dev/null || ! command -v dpkg-deb > /dev/null; then
  die "There is no ${packages[*]} here. $advice"
fi
work=$(mktemp -d "$PWD/.venv/monitor.XXXXXX")
trap 'rm -rf "$work"' EXIT
choose_lists prometheus
say "Unpacking ${packages[*]} into .venv/monitor"
apt_extract .venv/monitor "${packages[@]}" || die "They can't be downloaded (the lines above say why). $advice"
for program in .venv/monitor/usr/bin/*; do ln -sf "../monitor/usr/bin/${program##*/}" .venv/bin/; done
