"""deploy/offsite.sh: a backup goes over ssh to a real sshd, and the drill makes a lake of it that answers a search."""

import getpass
import json
import os
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.child import ROOT
from deploy.local.environment import free_port
from ingest.simulator.server.server import running
from tests.end_to_end.stack import until
from tests.end_to_end.stream import world

SSHD = "/usr/sbin/sshd"
SFTP = "/usr/lib/openssh/sftp-server"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(map(shutil.which, ("restic", "ssh", "ssh-keygen", SSHD, SFTP))),
        reason="needs restic and sshd: apt-get install restic openssh-server",
    ),
]


@contextmanager
def storage_box(folder):
    """An sshd that takes one key. Yields its port; `folder/bin/ssh` is the client that knows the way."""
    folder.mkdir()
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # the package's service makes it
    for name in ("host", "key"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "bin").mkdir()
    ssh = shutil.which("ssh")
    options = f"-o IdentityFile={folder}/key -o StrictHostKeyChecking=no -o UserKnownHostsFile={folder}/known"
    (folder / "bin/ssh").write_text(f'#!/bin/sh\nexec {ssh} {options} "$@"\n')
    (folder / "bin/ssh").chmod(0o755)
    port = free_port()
    settings = [f"HostKey={folder}/host", f"AuthorizedKeysFile={folder}/key.pub", f"Subsystem=sftp {SFTP}"]
    settings += ["StrictModes=no", "PasswordAuthentication=no", "PidFile=none", f"ListenAddress=127.0.0.1:{port}"]
    words = [word for setting in settings for word in ("-o", setting)]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen([SSHD, "-D", "-e", "-f", "/dev/null", *words], stderr=log) as sshd,
    ):
        try:
            until(lambda: sshd.poll() is not None or listens(port), "sshd listens")
            assert sshd.poll() is None, (folder / "log").read_text()
            yield port
        finally:
            sshd.terminate()


def listens(port):
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def offsite(make_stack, tmp_path):
    """Runs the script for a stack whose lake has some posts."""
    home = tmp_path / "opt/deploy"
    home.mkdir(parents=True)
    shutil.copy(ROOT / "deploy/offsite.sh", home)
    with running(world(600)) as jetstream, storage_box(tmp_path / "box") as port:
        stack = make_stack(jetstream.url)
        consumer, flusher = stack.consumer(), stack.flusher()
        until(lambda: stack.lake.listed_rows() >= 300, "some rows are listed", programs=[consumer, flusher])
        flusher.stop_cleanly()
        consumer.stop_cleanly()
        variables = {
            "MANAGE": f"{sys.executable} {ROOT / 'manage.py'}",
            "BACKUP": str(tmp_path / "backup"),
            "PATH": f"{tmp_path / 'box/bin'}:{stack._variables['PATH']}",
            "RESTIC_CACHE_DIR": str(tmp_path / "cache"),
        }

        def run(*words):
            program = stack.run(["bash", str(home / "offsite.sh"), *words], "offsite", **variables)
            code = program.await_end(180)
            return code, program.text

        run.repository = f"sftp://{getpass.getuser()}@127.0.0.1:{port}/{tmp_path}/box/explorer"
        run.stack = stack
        yield run


def test_what_was_sent_becomes_a_lake_that_answers(offsite, tmp_path):
    code, text = offsite("setup", offsite.repository)
    assert (code, text.splitlines()[0]) == (0, f"made: the repository {offsite.repository}"), text
    assert offsite("setup", offsite.repository)[1].startswith("kept: the repository")
    for _ in range(2):
        code, text = offsite("push")
        assert code == 0, text
    assert not (tmp_path / "backup").exists()
    sent = [path.read_bytes()[:4] for path in (tmp_path / "box/explorer/data").rglob("*") if path.is_file()]
    assert sent
    assert b"PAR1" not in sent  # encrypted

    code, text = offsite("drill", str(tmp_path / "drill"))
    assert code == 0, text
    assert f"OK: {tmp_path / 'drill'} has what was backed up at 2" in text
    assert json.loads((tmp_path / "drill/hit.ndjson").read_text())["text"]
    assert "is not empty" in offsite("drill", str(tmp_path / "drill"))[1]

    shutil.rmtree(tmp_path / "box/explorer/keys")
    code, text = offsite("push")
    assert code == 1
    assert "could not be sent" in text
    record = json.loads((offsite.stack.folder / "catalog.sqlite3.records/backup.json").read_text())
    assert record["failed"] is True


def test_it_says_what_is_missing(offsite):
    assert "run offsite.sh setup REPOSITORY first" in offsite("push")[1]
    assert "which repository?" in offsite("setup")[1]
    assert "usage: offsite.sh setup" in offsite()[1]
