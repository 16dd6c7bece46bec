#!/usr/bin/env bash
# Keeps backups in another place with restic, encrypted: a storage box over sftp, or S3. As root, on the server.
# usage: offsite.sh setup REPOSITORY   once. sftp://u1@u1.your-storagebox.de:23/explorer, or s3:https://HOST/BUCKET with
#                                      AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment
#        offsite.sh push               a backup of now goes there; old ones leave (7 days, 4 weeks)
#        offsite.sh drill FOLDER       fetches the newest into a new folder and proves it: restore, verify_lake, a search
# MANAGE="/srv/explorer/.venv/bin/python /srv/explorer/manage.py": without containers. BACKUP: where the backup is made.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
settings=$here/secrets/offsite.env password=$here/secrets/offsite_password

die() {
  echo "offsite.sh: $*" >&2
  exit 1
}

dotenv() { [ ! -e "$here/.env" ] || sed -n "s/^$1=//p" "$here/.env" | tail -1; }

volume=$(dotenv VOLUME)
# On the lake's own file system, so that it has hard links: it takes no room, and is gone after the push.
backup=${BACKUP:-${volume:+$volume/lake/offsite}}

manage() { # NAME=VALUE... -- COMMAND...: manage.py with these settings
  local variables=() words
  while [ "$1" != -- ]; do
    variables+=("$1")
    shift
  done
  shift
  if [ -n "${MANAGE:-}" ]; then
    read -ra words <<< "$MANAGE"
    env "${variables[@]}" "${words[@]}" "$@"
  else
    # Under one path inside and outside. One mount: hard links don't lead from one to another.
    (cd "$here" && docker compose run --rm --no-deps --no-TTY "${variables[@]/#/--env=}" --volume "$root:$root" compactor \
      python manage.py "$@" < /dev/null)
  fi
}

load() {
  [ -r "$settings" ] || die "there is no $settings: run offsite.sh setup REPOSITORY first."
  set -a
  # shellcheck source=/dev/null
  . "$settings"
  set +a
}

setup() {
  mkdir -p "$here/secrets"
  umask 077
  [ -e "$password" ] || od -An -N32 -tx1 /dev/urandom | tr -d ' \n' > "$password"
  {
    printf 'RESTIC_REPOSITORY=%q\nRESTIC_PASSWORD_FILE=%q\n' "$1" "$password"
    [ -z "${AWS_ACCESS_KEY_ID:-}" ] ||
      printf 'AWS_ACCESS_KEY_ID=%q\nAWS_SECRET_ACCESS_KEY=%q\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY"
  } > "$settings"
  load
  if restic cat config > /dev/null 2>&1; then
    echo "kept: the repository $1"
  else
    restic init > /dev/null
    echo "made: the repository $1"
  fi
  echo "Keep a copy of $password elsewhere: without it the backups can't be read."
}

push() {
  [ -n "$backup" ] || die "BACKUP must name a folder: .env has no VOLUME."
  root=${volume:+$volume/lake}
  # The folder is the same at each run, and files never change: restic reads only what is new.
  manage ${volume:+"LAKE_ROOT=$root/explorer"} -- backup "$backup"
  send || {
    # The metrics tell of the backup as a whole: api_job_failed, and the alert JobFailed.
    manage -- shell --no-imports -c "$failed" || true
    die "the backup was made, and could not be sent (the lines above say why)."
  }
  echo "OK: sent to $RESTIC_REPOSITORY"
}

failed='
from contextlib import suppress
from process import records
with suppress(RuntimeError), records.job("backup"):
    raise RuntimeError'

send() {
  restic --quiet backup --tag explorer "$backup" &&
    restic --quiet forget --tag explorer --group-by tags --keep-daily 7 --keep-weekly 4 --prune &&
    rm -rf "$backup"
}

drill() {
  root=$1
  if [ -e "$root" ] && [ -n "$(ls -A "$root")" ]; then die "$root is not empty: name a new folder."; fi
  mkdir -p "$root"
  restic --quiet restore latest --tag explorer --target "$root/fetched"
  local manifest
  manifest=$(find "$root/fetched" -name manifest.json -print -quit)
  [ -n "$manifest" ] || die "the newest backup has no manifest.json: it is not whole."
  mkdir "$root/catalog"
  # The user of the containers.
  [ -n "${MANAGE:-}" ] || chown -R 10001:10001 "$root"
  local there=("DATABASE_PATH=$root/catalog/catalog.sqlite3" "LAKE_ROOT=$root/lake" --)
  manage "${there[@]}" restore "$(dirname "$manifest")"
  manage "${there[@]}" migrate --verbosity 0
  manage "${there[@]}" verify_lake --cids 10
  manage "${there[@]}" export_posts --limit 1 --format ndjson --output "$root/hit.ndjson"
  [ -s "$root/hit.ndjson" ] || die "a search over the restored lake finds no post."
  echo "OK: $root has what was backed up at $(restic snapshots --tag explorer --latest 1 --json | sed -n 's/.*"time":"\([^"]*\)".*/\1/p'). Remove it: rm -rf $root"
}

case ${1:-} in
  setup)
    [ $# = 2 ] || die "which repository? Such as sftp://u1@u1.your-storagebox.de:23/explorer"
    setup "$2"
    ;;
  push)
    load
    push
    ;;
  drill)
    [ $# = 2 ] && [[ $2 == /* ]] || die "into which new folder? An absolute path with room for the lake twice."
    load
    drill "$2"
    ;;
  *)
    sed -n '3,7s/^# //p' "$0" >&2
    exit 2
    ;;
esac
