"""What update.sh and rollback.sh refuse before they need Docker, and which files they replace."""

import fcntl
import shutil
import subprocess

import pytest

from deploy.local.child import ROOT
from process.heartbeats import COMMANDS

SCRIPTS = ("releases.sh", "update.sh", "rollback.sh", "ship.sh", "prepare.sh")


def run(*words, cwd):
    result = subprocess.run(words, cwd=cwd, capture_output=True, text=True, check=False)
    return result.returncode, result.stdout + result.stderr


@pytest.fixture
def folder(tmp_path):
    """deploy/ on a server: the scripts, .env, secrets."""
    folder = tmp_path / "explorer/deploy"
    folder.mkdir(parents=True)
    for name in SCRIPTS:
        shutil.copy(ROOT / "deploy" / name, folder)
    assert run("bash", "prepare.sh", "localhost", "internal", cwd=folder)[0] == 0
    return folder


def sourced(folder, script):
    code, text = run("bash", "-c", f"set -euo pipefail; . ./releases.sh; {script}", cwd=folder)
    assert code == 0, text
    return text


def test_each_process_has_its_turn(folder):
    assert set(sourced(folder, 'echo "${PROCESSES[@]}"').split()) == set(COMMANDS)


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        ("update.sh", 1, "is no clone"),
        ("update.sh --image none.tar", 1, "there is no file none.tar"),
        ("update.sh --picture x", 2, "usage: "),
        ("ship.sh", 2, "usage: "),
        ("ship.sh root@localhost 'a;b'", 1, "absolute path of plain characters"),
    ],
)
def test_what_is_asked_wrongly_is_a_sentence(folder, command, code, says):
    found, text = run("bash", "-c", f"bash {command}", cwd=folder)
    assert (found, text.count("\n")) == (code, 1)
    assert says in text


def test_without_the_settings_nothing_begins(folder):
    (folder / ".env").unlink()
    for name in ("update.sh", "rollback.sh"):
        assert "run deploy/prepare.sh HOST EMAIL first" in run("bash", name, cwd=folder)[1]


def test_one_at_a_time(folder):
    with (folder / ".update.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for name in ("update.sh", "rollback.sh"):
            assert run("bash", name, cwd=folder) == (1, f"{name}: another update or rollback is at work\n")


def test_a_clone_with_changes_that_no_commit_has_is_refused(folder):
    run("git", "init", "--quiet", cwd=folder.parent)
    code, text = run("bash", "update.sh", cwd=folder)
    assert code == 1
    assert text.startswith("update.sh: the clone has changes without a commit (git status)")


def test_the_files_of_a_commit_replace_those_of_another_and_nothing_else(folder, tmp_path):
    new = tmp_path / "new"
    (new / "caddy").mkdir(parents=True)
    (new / "caddy/Caddyfile").write_text("new")
    (new / ".env").symlink_to(folder / ".env")
    (new / "secrets").symlink_to(folder / "secrets")
    (folder / "caddy").mkdir()
    (folder / "caddy/Caddyfile").write_text("of before")
    (folder / "caddy/gone").write_text("")
    (folder / ".releases").write_text("kept")
    mounted = (folder / "caddy/Caddyfile").stat().st_ino
    settings, secrets = (folder / ".env").read_text(), set((folder / "secrets").iterdir())
    sourced(folder, f"take_files {new}")
    assert (folder / "caddy/Caddyfile").read_text() == "new"
    assert (folder / "caddy/Caddyfile").stat().st_ino == mounted
    assert (folder / ".env").read_text() == settings
    assert set((folder / "secrets").iterdir()) == secrets
    assert {path.name for path in folder.iterdir()} == {".env", ".releases", "secrets", "caddy"}


def test_the_image_is_written_to_the_settings_once(folder):
    sourced(folder, "image=explorer:1; use; image=explorer:2; use")
    text = (folder / ".env").read_text()
    assert [line for line in text.splitlines() if line.startswith("IMAGE")] == ["IMAGE=explorer:2"]
    assert "SITE=localhost" in text
    assert (folder / ".env").stat().st_mode & 0o777 == 0o600
