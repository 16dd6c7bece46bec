#!/usr/bin/env bash
# What `make lint` checks of the image and of compose: silent if all is well. Caddy's file only where caddy is.
set -euo pipefail
cd "$(dirname "$0")/.."

.venv/bin/hadolint deploy/Dockerfile
.venv/bin/check-jsonschema --quiet --builtin-schema vendor.compose-spec deploy/compose*.yml
if command -v caddy > /dev/null; then
  output=$(SITE=explorer.example.org CADDY_TLS=internal caddy validate --config deploy/caddy/Caddyfile --adapter caddyfile 2>&1) || {
    echo "$output" >&2
    exit 1
  }
fi
