#!/usr/bin/env bash
# Makes deploy/.env and the secrets that deploy/compose.yml needs. What exists is kept, so it can be run again.
# usage: prepare.sh HOST EMAIL      the site's host name, and an address for the notices of Let's Encrypt
#        prepare.sh localhost internal      a trial, with certificates of an authority of our own
#        prepare.sh                         makes what a newer version needs besides, beside the .env that is there
# VOLUME=/mnt/... in the environment: lake and catalog are there (compose.volume.yml), with RETENTION_DAYS that fit.
set -euo pipefail
cd "$(dirname "$0")"

if [ $# != 2 ] && { [ $# != 0 ] || [ ! -e .env ]; }; then
  echo "usage: bash deploy/prepare.sh HOST EMAIL, or for a trial: bash deploy/prepare.sh localhost internal" >&2
  exit 2
fi

# Only the folder is private: the containers' users, who are none of this machine's, must be able to read a file.
mkdir -p secrets
chmod 700 secrets
umask 022

keep() { # NAME: writes standard input there unless the file exists
  if [ -e "$1" ]; then
    cat > /dev/null # who writes must not find nobody there
    echo "kept: deploy/$1"
  else
    cat > "$1.new" # renamed when it is whole
    mv "$1.new" "$1"
    echo "made: deploy/$1"
  fi
}

random() { od -An -N32 -tx1 /dev/urandom | tr -d ' \n'; }

random | keep secrets/django_secret_key
random | keep secrets/redis_password
password=$(cat secrets/redis_password)
printf 'redis://:%s@redis:6379/0' "$password" | keep secrets/redis_url
printf '{"redis://redis:6379": "%s"}' "$password" | keep secrets/redis_exporter
random | keep secrets/grafana_password
keep secrets/alert_smtp_password < /dev/null # yours to write, if alerts are to be sent
keep secrets/alert_webhook_url < /dev/null
umask 077
volume=
if [ -n "${VOLUME:-}" ]; then
  volume="
# A server of its own, with a volume that is mounted at VOLUME: the lake and the catalog are on it.
COMPOSE_FILE=compose.yml:compose.volume.yml
COMPOSE_PROFILES=monitoring
VOLUME=$VOLUME
# What fits the volume; the admin's Retentions win. docs/hetzner.md has the arithmetic.
RETENTION_DAYS=${RETENTION_DAYS:-}"
fi
keep .env << END
# Read by compose and, beside what deploy/compose.yml sets, by our processes: any variable of .env.example may follow.
SITE=${1-}
CADDY_TLS=${2-}
# Who may reach /admin/ and /grafana/: addresses or networks, separated by blanks. Empty: nobody.
OPERATOR_ADDRESSES=$volume
END
