#!/usr/bin/env bash
# Makes .venv and installs a file of pinned requirements into it; silent if that is done already.
# usage: setup.sh requirements.txt|requirements-dev.txt        PYTHON=python3.12 chooses the interpreter
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/local/apt.sh

requirements=$1
stamp=.venv/.installed-$requirements # written last: an interrupted install is repeated
wanted=$(cat requirements.txt "$requirements" | cksum)

done_already() { [ "$(cat "$stamp" 2> /dev/null)" = "$wanted" ] && .venv/bin/python -c '' 2> /dev/null; }

recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; }

find_python() {
  local python
  for python in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
    if recent "$python"; then
      echo "$python"
      return
    fi
  done
  return 1
}

need_python() {
  find_python && return
  if [ -z "${PYTHON:-}" ] && can_apt_install && apt_install python3 python3-venv && find_python; then return; fi
  die "Python 3.11 or newer is needed, but ${PYTHON:-python3} is $("${PYTHON:-python3}" --version 2> /dev/null || echo missing):" \
    "apt-get install python3 python3-venv (Debian 12, Ubuntu 24.04 or newer), or give one: PYTHON=/path/to/python3.12 make ..."
}

# Debian keeps ensurepip, without which a virtual environment has no pip, in a package of its own.
need_venv() {
  local package="${1##*/}-venv"
  "$1" -c 'import ensurepip, venv' 2> /dev/null && return
  if can_apt_install && apt_install "$package"; then return; fi
  die "$1 can't make virtual environments: apt-get install $package"
}

if done_already; then exit 0; fi
mkdir -p var
exec 9> var/setup.lock
if command -v flock > /dev/null; then flock 9; fi # a second make waits here, and then has nothing to do
if done_already; then exit 0; fi

if ! .venv/bin/python -m pip --version > /dev/null 2>&1; then
  python=$(need_python)
  need_venv "$python"
  say "Making the virtual environment .venv with $("$python" --version)"
  "$python" -m venv --clear .venv
fi
say "Installing $requirements into .venv (takes a minute or two the first time)"
.venv/bin/python -m pip install --quiet --no-input --disable-pip-version-check -r "$requirements" ||
  die "pip could not install $requirements: the lines above say why; make tries again."
echo "$wanted" > "$stamp"
