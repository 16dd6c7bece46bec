#!/usr/bin/env bash
# What `make lint` checks of Prometheus, Alertmanager and Grafana: silent if all is well.
# Where Debian's packages can't be unpacked (no apt-get), the rules stay unchecked, and it says so.
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PATH:$PWD/.venv/bin

.venv/bin/python -m deploy.grafana.dashboards check
if ! bash deploy/monitor/packages.sh promtool amtool; then
  echo "Not checked: the rules of Prometheus and the configuration of Alertmanager, which need promtool and amtool." >&2
  exit 0
fi

quietly() {
  local output
  output=$("$@" 2>&1) || {
    echo "$output" >&2
    exit 1
  }
}

quietly promtool check config --lint=all --lint-fatal deploy/prometheus/prometheus.yml
quietly promtool test rules deploy/prometheus/tests/*.yml
quietly amtool check-config deploy/alertmanager/alertmanager.yml
