"""A mounted folder whose changes are journaled, and which fails on demand."""

import ctypes.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.child import ROOT
from tests.end_to_end.stack import until
from tests.faults.faults import Fault

NOT_HERE = "file systems in user space (FUSE) need root, /dev/fuse and libfuse3: apt-get install libfuse3-3"


class RecordedDisk:
    """`folder`: where processes work. `journal`: the file of its changes."""

    def __init__(self, folder: Path, journal: Path) -> None:
        self.folder, self.journal = folder, journal

    def sync(self) -> None:
        """What is there now was written long ago."""
        os.setxattr(self.folder, "user.sync", b"")

    def position(self) -> int:
        """How many changes there were so far."""
        return int(os.getxattr(self.folder, "user.position"))

    def fail(self, fault: Fault) -> None:
        """From now on; in place of an earlier fault."""
        os.setxattr(self.folder, "user.fault", json.dumps(fault._asdict()).encode())

    def mend(self) -> int:
        """No fault any more; how many operations the last one made fail."""
        fired = self.fired()
        self.fail(Fault())
        return fired

    def fired(self) -> int:
        return int(os.getxattr(self.folder, "user.fired"))


@contextmanager
def recorded_disk(place: Path) -> Iterator[RecordedDisk]:
    """Unmounted at the end; whoever still works in it then gets errors. Skips the test where there is no FUSE."""
    require_fuse()
    backing, folder, journal = (place / name for name in ("backing", "mount", "journal"))
    for path in (backing, folder):
        path.mkdir(parents=True)
    command = [sys.executable, "-m", "tests.faults.filesystem", str(backing), str(folder), str(journal)]
    with (place / "filesystem.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
    try:
        until(lambda: os.path.ismount(folder) or process.poll() is not None, "the disk is mounted")
        assert os.path.ismount(folder), (place / "filesystem.log").read_text()
        yield RecordedDisk(folder, journal)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=False, capture_output=True)
        end_of(process)


def end_of(process: "subprocess.Popen[bytes]") -> None:
    """The journal is whole when the file system has ended, as it does when nobody uses it any more."""
    end = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < end:
        time.sleep(0.02)
    process.kill()
    process.wait()


def require_fuse() -> None:
    if os.getuid() or not Path("/dev/fuse").exists() or not ctypes.util.find_library("fuse3"):
        not_here(NOT_HERE)


def not_here(what: str) -> None:
    """Skips the test; where FAULTS_MUST_FIRE is set, as each night, fails it."""
    (pytest.fail if os.environ.get("FAULTS_MUST_FIRE") else pytest.skip)(what)
