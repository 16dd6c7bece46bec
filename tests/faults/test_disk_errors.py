"""The disk refuses: full, broken, read-only, at one step after another of each writer. Each ends with one sentence, and
goes on when the disk is mended: the lake equals the log."""

import errno

import pytest

from ingest.simulator.server.server import running
from tests.end_to_end.stream import frames_of, world
from tests.end_to_end.test_backup import succeed
from tests.faults.faults import CHANGES, GROWTH, Fault
from tests.faults.machine import STACK, must_verify
from tests.faults.recorded_disk import recorded_disk

pytestmark = pytest.mark.slow
LAKE, WAL = f"/{STACK}/lake/*", f"/{STACK}/catalog.sqlite3-wal"
COMPACTION = {"COMPACT_AFTER_SECONDS": "1", "SWEEP_GRACE_SECONDS": "0", "FLUSH_MAX_EVENTS": "500"}
FLUSH = [
    *(Fault(GROWTH, errno.ENOSPC, LAKE, first) for first in (1, 5)),
    *(Fault((kind,), errno.EIO, LAKE) for kind in ("write", "fsync", "rename")),
    Fault(CHANGES, errno.EROFS, LAKE),
    Fault(("write",), errno.ENOSPC, WAL),
    Fault(("fsync",), errno.EIO, WAL),
]
COMPACT = [
    *(Fault(GROWTH, errno.ENOSPC, LAKE, first) for first in (2, 9)),
    *(Fault((kind,), errno.EIO, LAKE, first) for kind, first in (("fsync", 1), ("rename", 1), ("unlink", 2))),
    Fault(CHANGES, errno.EROFS, LAKE, first=3),
    Fault(("fsync",), errno.EIO, WAL),
]
INDEX = f"/{STACK}/lake/.index/*"
INDEXING = [Fault(("write",), errno.ENOSPC, INDEX), Fault(("fsync",), errno.EIO, INDEX)]
BACKUP = f"/{STACK}/backup/*"
BACKING_UP = [
    Fault((*GROWTH, "rename"), errno.ENOSPC, BACKUP, first=3),
    Fault(("fsync",), errno.EIO, BACKUP),
    Fault(("rename",), errno.EROFS, BACKUP),
]
EXPORT = f"/{STACK}/posts.csv*"
EXPORTING = [Fault(("write",), errno.ENOSPC, EXPORT), Fault(("fsync", "rename"), errno.EIO, EXPORT)]


@pytest.fixture
def disk(tmp_path):
    with recorded_disk(tmp_path / "disk") as disk:
        yield disk


def must_refuse(disk, stack, fault, command, *arguments):
    """The fault has fired, and the command says so in its last line."""
    disk.fail(fault)
    program = stack.start(command, *arguments, prefix=())
    code = program.await_end()
    assert disk.mend() > 0, f"{fault} has not fired:\n{program.text}"
    assert code == 1, program.text
    assert not program.says("Traceback"), program.text
    return program.text.splitlines()[-1]


@pytest.fixture
def log():
    moments = world(900, per_second=0.2)
    with running(moments) as jetstream:
        yield jetstream.url, frames_of(moments)


@pytest.fixture
def stack(make_stack, disk, log):
    """All is in its buffer."""
    url, frames = log
    stack = make_stack(url, folder=disk.folder / STACK, **COMPACTION)
    consumer = stack.consumer()
    stack.await_depth(len(frames))
    consumer.stop_cleanly()
    return stack


def test_the_flusher_stops_at_each_and_goes_on(stack, disk, log):
    for fault in FLUSH:
        assert "start again" in must_refuse(disk, stack, fault, "flush_buffer", "--once")
    stack.flush_once()
    stack.lake.must_equal(log[1])
    stack.lake.must_show(log[1])
    must_verify(stack)


def test_compaction_indexing_backup_and_export_stop_at_each_and_go_on(stack, disk, log):
    stack.flush_once()
    for fault in COMPACT + INDEXING:
        assert "start again" in must_refuse(disk, stack, fault, "compact_lake", "--once")
    for _ in range(2):
        succeed(stack, "compact_lake", "--once")
    for fault in BACKING_UP:
        must_refuse(disk, stack, fault, "backup", str(stack.folder / "backup"))
    succeed(stack, "backup", str(stack.folder / "backup"))
    export = ("export_posts", "--output", str(stack.folder / "posts.csv"), "--format", "csv", "--resume")
    for fault in EXPORTING:
        must_refuse(disk, stack, fault, *export)
    succeed(stack, *export)
    stack.lake.must_equal(log[1])
    must_verify(stack)
