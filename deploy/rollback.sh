#!/usr/bin/env bash
# Goes back to an image that has served before: docs/deployment.md, Going back.
# usage: rollback.sh             the one before the present
#        rollback.sh COMMIT      one of those that are kept, or the beginning of its name
set -euo pipefail
# shellcheck source=deploy/releases.sh
. "$(dirname "$0")/releases.sh"

main() {
  one_at_a_time
  local now kept found
  now=$(current)
  kept=$(cat "$RELEASES" 2> /dev/null || true)
  found=$(grep -vxF "$now" <<< "$kept" | grep -F ":${1:-}" | tail -n 1 || true)
  [ -n "$found" ] || refuse "no other image is kept${1:+ that begins with $1}. Kept: ${kept:-none}"
  say "from $now to $found"
  switch_to "$found" back
}

main "$@"; exit # on one line, as the file changes meanwhile
