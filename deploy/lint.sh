#!/usr/bin/env bash
# What `make lint` checks of the image, of compose, of Caddy's file and of cloud-init's: silent if all is well. Where
# Debian's packages can't be unpacked (no apt-get), the last two stay unchecked, and it says so.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:$PWD/.venv/bin

quietly() {
  local output
  output=$("$@" 2>&1) || {
    echo "$output" >&2
    exit 1
  }
}

.venv/bin/hadolint deploy/Dockerfile
quietly .venv/bin/check-jsonschema --builtin-schema vendor.compose-spec deploy/compose*.yml
bash deploy/systemd/lint.sh
if ! bash deploy/monitor/packages.sh caddy cloud-init; then
  echo "Not checked: deploy/caddy/Caddyfile and deploy/hetzner/cloud-init.yaml, which need caddy and cloud-init." >&2
  exit 0
fi
SITE=explorer.example.org CADDY_TLS=internal quietly caddy validate --config deploy/caddy/Caddyfile --adapter caddyfile
# The schema alone: cloud-init itself needs Debian's Python.
modules=usr/lib/python3/dist-packages/cloudinit/config/schemas/schema-cloud-config-v1.json
schema=.venv/monitor/$modules
[ -e "$schema" ] || schema=/$modules
quietly .venv/bin/check-jsonschema --schemafile "$schema" deploy/hetzner/cloud-init.yaml
