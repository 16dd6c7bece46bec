#!/usr/bin/env bash
# Brings the service to another commit without a failed request and without a lost event: docs/deployment.md, Updates.
# usage: update.sh                 in a clone: builds the image of its commit
#        update.sh --image FILE    an archive of `docker save NAME:COMMIT`; - is standard input
# Exit code 0: the new image serves. 1: the reason is printed, and the old one serves.
set -euo pipefail
# shellcheck source=deploy/releases.sh
. "$(dirname "$0")/releases.sh"

main() {
  one_at_a_time
  if [ $# = 0 ]; then
    build
  elif [ $# = 2 ] && [ "$1" = --image ]; then
    load "$2"
  else
    echo "usage: bash deploy/update.sh [--image FILE]" >&2
    exit 2
  fi
  switch_to "$image" forth
}

main "$@"; exit # on one line, as the file changes meanwhile
