#!/usr/bin/env bash
# Builds the image of this clone's commit, sends it to a server over ssh, and updates the service there.
# usage: ship.sh USER@HOST [FOLDER]    FOLDER: where it lives there, with deploy/.env in it; default /opt/explorer
# SSH: the words of the ssh command, such as SSH="ssh -p 2222".
set -euo pipefail
# shellcheck source=deploy/releases.sh
. "$(dirname "$0")/releases.sh"

main() {
  if [ $# != 1 ] && [ $# != 2 ]; then
    echo "usage: bash deploy/ship.sh USER@HOST [FOLDER]" >&2
    exit 2
  fi
  local words there folder=${2:-/opt/explorer}
  [[ $folder =~ ^/[A-Za-z0-9._/-]+$ ]] || refuse "the folder must be an absolute path of plain characters: $folder"
  read -ra words <<< "${SSH:-ssh}"
  there=("${words[@]}" "$1")
  build
  "${there[@]}" "test -f $folder/deploy/.env && ! test -e $folder/.git" ||
    refuse "$1 can't be reached, or has no $folder/deploy/.env, or a clone in $folder: docs/deployment.md, Updates"
  # Its own scripts know how it is started; all other files come with the image.
  tar --create update.sh rollback.sh releases.sh | "${there[@]}" "tar --extract --no-same-owner --directory $folder/deploy"
  say "sends $image"
  docker save "$image" | gzip -1 | "${there[@]}" "bash $folder/deploy/update.sh --image -"
}

main "$@"
