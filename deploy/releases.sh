# What update.sh, rollback.sh and ship.sh share: images by commit, and how the service changes from one to another.
# shellcheck shell=bash disable=SC2034
# To be sourced. It works in the folder deploy/ that it lies in.
cd "$(dirname "${BASH_SOURCE[0]}")" || exit
unset IMAGE # compose reads it from .env, where `use` keeps it

KEPT=3 # images
PROCESSES=(web maintenance compactor flusher consumer handles) # readers of what others write come first
RELEASES=.releases # images that have served, the newest last
LOG=.update.log
HEALTHY_SECONDS=180
image='' before='' step='' new_files='' old_files=''

say() { echo "$(date +%T) $*" || true; }

refuse() {
  echo "$(basename "$0"): $*" >&2
  exit 1
}

project() { # of compose, and the name of the images
  local name=${COMPOSE_PROJECT_NAME:-$(sed -n 's/^COMPOSE_PROJECT_NAME=//p' .env 2> /dev/null)}
  echo "${name:-explorer}"
}

one_at_a_time() {
  [ -f .env ] || refuse "there is no $PWD/.env: run deploy/prepare.sh HOST EMAIL first"
  exec 9> .update.lock
  flock --nonblock 9 || refuse "another update or rollback is at work"
  # A lost ssh connection must not stop it half way.
  trap '' HUP PIPE
}

# --- images

is_clone() { [ -e ../.git ]; }

build() { # image: that of the clone's commit
  is_clone || refuse "$(dirname "$PWD") is no clone: update.sh --image FILE takes an image, deploy/ship.sh sends one"
  [ -z "$(git status --porcelain)" ] || refuse "the clone has changes without a commit (git status): commit or undo them"
  local commit
  commit=$(git rev-parse HEAD)
  image=$(project):$commit
  if ! docker image inspect "$image" > /dev/null 2>&1; then
    say "builds $image"
    docker build --quiet --file Dockerfile --build-arg "COMMIT=$commit" --tag "$image" .. > /dev/null
  fi
}

load() { # FILE, - for standard input; image: the one that is in the archive
  if [ "$1" != - ]; then
    [ -f "$1" ] || refuse "there is no file $1"
    exec < "$1"
  fi
  image=$(docker load --quiet | sed -n 's/^Loaded image: //p')
  [[ $image =~ ^[a-z0-9._/-]+:[0-9a-f]{40}$ ]] || refuse "this is no archive of one image NAME:COMMIT: '$image'"
  say "loaded $image"
}

current() { # the image that compose starts; nothing before the first start
  local name
  name=$(sed -n 's/^IMAGE=//p' .env | tail -n 1)
  if [ -n "$name" ] || [ -n "$(containers web)" ]; then echo "${name:-explorer:latest}"; fi
}

use() { # writes the image to .env, so that every `docker compose` means it
  { grep -v '^IMAGE=' .env || true; echo "IMAGE=$image"; } > .env.new
  chmod --reference .env .env.new
  mv .env.new .env
}

remember() { # the last that served; the images of those before the last KEPT are removed
  local name repository=${image%:*}
  { cat "$RELEASES" 2> /dev/null || echo "$before"; echo "$image"; } | grep . | tac | awk '!seen[$0]++' | tac |
    tail -n "$KEPT" > "$RELEASES.new"
  mv "$RELEASES.new" "$RELEASES"
  docker image ls --format '{{.Repository}}:{{.Tag}}' "$repository" | grep -E ':[0-9a-f]{40}$' | while read -r name; do
    grep -xF "$name" "$RELEASES" > /dev/null || docker image rm "$name" >> "$LOG" 2>&1 || true
  done
}

# --- files: those of deploy/ belong to the image's commit

files_of() { # IMAGE FOLDER
  mkdir -p "$2"
  docker run --rm --network none --entrypoint tar "$1" --create --exclude __pycache__ --directory /app/deploy . |
    tar --extract --no-same-owner --directory "$2"
}

own_files() { find . -type f ! -path './secrets/*' ! -path './.[!/]*' ! -path '*/__pycache__/*' | sort; }

take_files() { # FOLDER: its files in place of those here
  local commit=${image#*:}
  if is_clone; then
    if [ "$(git rev-parse HEAD)" != "$commit" ] && [ "$commit" != latest ]; then git checkout --quiet --detach "$commit"; fi
    return
  fi
  comm -13 <(cd "$1" && own_files) <(own_files) | xargs --no-run-if-empty rm
  # Into the files themselves, as some are mounted.
  (cd "$1" && own_files | tar --create --files-from -) | tar --extract --overwrite --no-same-owner
}

changed() { # PATH...: whether one of them differs between the two images
  local path
  for path; do
    diff --recursive --brief "$old_files/$path" "$new_files/$path" > /dev/null 2>&1 || return 0
  done
  return 1
}

# --- services
# Containers are made by `up --no-start --no-recreate`, which touches no other one, and are started here. A plain `up`
# would stop all that depends on a new setup, and with --no-deps some versions of compose make another container.

compose() { docker compose "$@" >> "$LOG" 2>&1; }

containers() { # SERVICE: without those of `docker compose run`
  docker ps --all --quiet --no-trunc --filter "label=com.docker.compose.project=$(project)" \
    --filter "label=com.docker.compose.service=$1" --filter label=com.docker.compose.oneoff=False
}

end() { # [CONTAINER]: within its stop_grace_period
  [ -n "$1" ] || return 0
  docker stop "$1" >> "$LOG"
  docker rm "$1" >> "$LOG"
}

create() { # [1]: the containers that are missing, and one more of web
  compose up --no-start --no-recreate --scale "web=$(($(containers web | wc -l) + ${1:-0}))"
}

is_due() { # CONTAINER SERVICE: whether it has the image and the definition of now
  local made
  made=$(docker inspect --format '{{index .Config.Labels "com.docker.compose.config-hash"}} {{.Image}}' "$1")
  [ "$made" = "$(definition "$2") $(image_id "$1")" ]
}

definition() { # SERVICE: its hash, as `up` takes it: with env_file read, which `config --hash` alone leaves out
  docker compose config | docker compose --file - --project-directory . config --hash "$1" | cut -d ' ' -f 2
}

image_id() { # CONTAINER: of what the name of its image means now
  docker image inspect --format '{{.Id}}' "$(docker inspect --format '{{.Config.Image}}' "$1")"
}

is_healthy() { # CONTAINER
  local state
  state=$(docker inspect --format '{{if .State.Health}}{{.State.Health.Status}}{{else}}{{.State.Status}}{{end}}' "$1")
  [ "$state" = healthy ] || [ "$state" = running ]
}

is_running() { [ "$(docker inspect --format '{{.State.Status}}' "$1")" = running ]; } # CONTAINER: healthy or not

await() { # SECONDS COMMAND...
  local end=$((SECONDS + $1))
  until "${@:2}"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 1
  done
}

await_start() { # CONTAINER CHECK: a function of the container. One that ends again and again is not waited for
  local end=$((SECONDS + HEALTHY_SECONDS))
  until "$2" "$1"; do
    [ "$SECONDS" -lt "$end" ] || return 1
    [ "$(docker inspect --format '{{.RestartCount}}' "$1")" -lt 5 ] || return 1
    sleep 1
  done
}

start() { # SERVICE [PATH...]: as it is now, until it is healthy; left alone if neither it nor a file has changed
  local one
  step=$1
  one=$(containers "$1")
  if [ -n "$one" ] && is_due "$one" "$1" && is_running "$one" && ! changed "${@:2}"; then return; fi
  say "starts $1"
  end "$one"
  create
  one=$(containers "$1")
  docker start "$one" >> "$LOG"
  await_start "$one" is_healthy
}

run_once() { # SERVICE
  step=$1
  end "$(containers "$1")"
  create
  docker start --attach "$(containers "$1")" >> "$LOG" 2>&1
}

start_caddy() {
  start caddy
  # Without a closed connection; it does nothing when nothing has changed.
  compose exec -T caddy caddy reload --config /etc/caddy/Caddyfile --adapter caddyfile
}

front() { echo "$(project)_front"; }

is_at_front() { # CONTAINER NAME: whether Caddy's network calls it so
  docker inspect --format "{{with index .NetworkSettings.Networks \"$(front)\"}}{{range .Aliases}}{{println .}}{{end}}{{end}}" "$1" |
    grep -xF "$2" > /dev/null
}

is_ready() { # CONTAINER: by itself, whoever else beats as `web`
  is_healthy "$1" && docker exec "$1" python -c \
    'import urllib.request as r; r.urlopen("http://localhost:8000/health/ready", timeout=10)' >> "$LOG" 2>&1
}

add_web() { # NAME: another web container, which gets requests under this name when it is ready
  local all one
  all=$(containers web)
  create 1
  one=$(containers web | grep -vxF "$all")
  docker network disconnect "$(front)" "$one"
  docker start "$one" >> "$LOG"
  await_start "$one" is_ready
  docker network connect --alias web --alias "$1" "$(front)" "$one"
  sleep 3 # Caddy asks each second
}

retire_web() { # CONTAINER: gets no more requests, answers those that it has, and goes
  docker exec "$1" touch /tmp/leaving >> "$LOG" 2>&1 || true
  sleep 5 # Caddy asks each second; until it has, all is served
  end "$1"
}

start_web() { # beside the old one, which leaves when the new one serves
  local one due='' others='' name=web-a
  step=web
  for one in $(containers web); do
    if is_due "$one" web && is_running "$one" && is_at_front "$one" web; then due=$one; else others="$others $one"; fi
  done
  if [ -n "$due" ]; then
    docker exec "$due" rm -f /tmp/leaving
  else
    say "starts web"
    for one in $others; do
      if is_at_front "$one" web-a; then name=web-b; fi
    done
    add_web "$name"
  fi
  for one in $others; do retire_web "$one"; done
}

start_process() { if [ "$1" = web ]; then start_web; else start "$1"; fi; }

start_rest() {
  local one paths
  for one in $(docker compose config --services); do
    case " ${PROCESSES[*]} caddy redis " in *" $one "*) continue ;; esac
    paths=()
    case $one in
      setup | receivers)
        run_once "$one"
        continue
        ;;
      prometheus) paths=(prometheus compose) ;;
      grafana) paths=(grafana) ;;
    esac
    start "$one" "${paths[@]}"
  done
}

start_all() { # forth or back: who writes for others is the last to become new, and the first to become old
  local one order
  if [ -z "$(containers web)" ]; then
    say "starts everything"
    step=''
    compose up --detach --wait --wait-timeout "$HEALTHY_SECONDS"
    return
  fi
  order=$(printf '%s\n' "${PROCESSES[@]}")
  [ "$1" = forth ] || order=$(tac <<< "$order")
  start redis redis.conf
  if [ "$1" = forth ]; then start_caddy; fi
  for one in $order; do start_process "$one"; done
  if [ "$1" != forth ]; then start_caddy; fi
  start_rest
}

answers_caddy() {
  docker compose exec -T caddy wget -q -O /dev/null http://web:8000/health/ready >> "$LOG" 2>&1
}

works() { docker compose exec -T "$1" python manage.py check_health "$1" >> "$LOG" 2>&1; }

check_all() {
  for step in "${PROCESSES[@]}"; do await 60 works "$step"; done
  step=web
  await 60 answers_caddy
}

# --- the way from one image to another

in_new() { # COMMAND...: in the new image with the new files, before anything has changed
  (cd "$new_files" && IMAGE=$image docker compose --project-name "$(project)" run --rm --no-deps -T setup "$@" < /dev/null)
}

prepare() { # refuses what can't be started; nothing has changed then
  docker image inspect "$image" > /dev/null 2>&1 || refuse "there is no image $image"
  ! is_clone || git cat-file -e "${image#*:}^{commit}" 2> /dev/null || [ "${image#*:}" = latest ] ||
    refuse "the clone does not know ${image#*:}: git fetch"
  new_files=$(mktemp -d) old_files=$(mktemp -d)
  files_of "$image" "$new_files"
  [ -z "$before" ] || files_of "$before" "$old_files"
  ln -s "$PWD/.env" "$PWD/secrets" "$new_files/"
  bash "$new_files/prepare.sh" >> "$LOG" # secrets that are new
  in_new python manage.py check --deploy --fail-level WARNING >> "$LOG" 2>&1 || {
    tail -n 15 "$LOG" >&2
    refuse "$image refuses the settings; nothing has changed"
  }
}

migrate() { # what is added to the catalog does not disturb the old code, which runs meanwhile
  in_new python manage.py migrate --check >> "$LOG" 2>&1 && return
  say "copies and migrates the catalog"
  [ -z "$before" ] || in_new python manage.py copy_catalog >> "$LOG" 2>&1
  in_new python manage.py migrate --verbosity 0 >> "$LOG" 2>&1
}

change() { # forth or back, to $image
  take_files "$new_files"
  use
  start_all "$1"
  check_all
}

go_back() { # when a command of `change` has failed
  local status other=$image files=$new_files
  say "FAILED: ${step:-docker compose}"
  docker compose logs --no-color --tail 30 ${step:+"$step"} >&2 || true
  [ -n "$before" ] || refuse "$image does not work, and there was none before: docker compose logs"
  say "goes back to $before"
  image=$before new_files=$old_files old_files=$files
  set +e
  (
    set -e
    trap - EXIT
    change back
  ) # not in a condition, where a failure would not end it
  status=$?
  [ "$status" = 0 ] || refuse "going back has failed too, see $PWD/$LOG. $before should serve: docker compose ps"
  refuse "$other does not work; $before serves again"
}

switch_to() { # IMAGE, forth or back
  exec < /dev/null # no command may wait for it
  image=$1 before=$(current)
  : > "$LOG"
  prepare
  if [ "$2" = forth ]; then migrate; fi
  trap go_back EXIT
  change "$2"
  trap - EXIT
  remember
  rm -rf "$new_files" "$old_files"
  say "$image serves"
}
