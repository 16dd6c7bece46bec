"""What a power loss may take and what not, on a recorded disk."""

import errno
import os
import shutil
import sqlite3
from contextlib import closing
from itertools import islice

import pytest

from tests.faults import journal
from tests.faults.faults import GROWTH, Fault
from tests.faults.power_loss import Disk, in_order, nothing_more, scattered
from tests.faults.recorded_disk import recorded_disk

pytestmark = pytest.mark.slow
SEEDS = range(20)


def write(path, data, sync=True):
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        if sync:
            os.fsync(file.fileno())


def sync(folder):
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def left_by(operations, target, choose=nothing_more):
    """Content by path."""
    disk = Disk().play(operations)
    disk.write(target, choose(disk))
    return {str(path.relative_to(target)): path.read_bytes() for path in target.rglob("*") if path.is_file()}


def rename_over(folder):
    """As a careful program replaces a file."""
    write(folder / "a.tmp", b"new")
    (folder / "a.tmp").rename(folder / "a")
    sync(folder)


def move(folder, *synced):
    write(folder / "a", b"1")
    (folder / "b").mkdir()
    sync(folder)
    (folder / "a").rename(folder / "b" / "a")
    for path in synced:
        sync(folder / path)


def nested(folder):
    (folder / "b").mkdir()
    write(folder / "b" / "a", b"1")
    sync(folder / "b")


def appended(folder):
    write(folder / "a", b"1")
    sync(folder)
    with (folder / "a").open("ab") as file:
        file.write(b"2")


def link(folder):
    write(folder / "a", b"1")
    (folder / "b").hardlink_to(folder / "a")
    sync(folder)


CASES = {
    "a file without fsync": (lambda f: (write(f / "a", b"1", sync=False), sync(f)), {"a": b""}),
    "a name without fsync": (lambda f: write(f / "a", b"1"), {}),
    "both synced": (lambda f: (write(f / "a", b"1"), sync(f)), {"a": b"1"}),
    "a file in a folder whose name is not synced": (nested, {}),
    "replaced": (rename_over, {"a": b"new"}),
    "more appended": (appended, {"a": b"1"}),
    "removed": (lambda f: (write(f / "a", b"1"), sync(f), (f / "a").unlink()), {"a": b"1"}),
    "removed and synced": (lambda f: (write(f / "a", b"1"), sync(f), (f / "a").unlink(), sync(f)), {}),
    "moved": (move, {"a": b"1"}),
    "moved, the new folder synced": (lambda f: move(f, "b"), {"a": b"1", "b/a": b"1"}),
    "moved, the old folder synced": (lambda f: move(f, ""), {"b/a": b"1"}),
    "linked": (link, {"a": b"1", "b": b"1"}),
}


def test_what_was_not_synced_is_lost(tmp_path):
    with recorded_disk(tmp_path) as disk:
        for number, (act, _) in enumerate(CASES.values()):
            (disk.folder / str(number)).mkdir()
            sync(disk.folder)
            act(disk.folder / str(number))
    found = left_by(journal.read(disk.journal), tmp_path / "left")
    expected = {f"{n}/{name}": data for n, (_, files) in enumerate(CASES.values()) for name, data in files.items()}
    assert found == expected


def test_chance_decides_on_the_rest_and_never_on_what_was_synced(tmp_path):
    with recorded_disk(tmp_path) as disk:
        write(disk.folder / "kept", b"1")
        sync(disk.folder)
        for name in "abcdef":
            write(disk.folder / name, b"0123456789", sync=False)
    operations = list(journal.read(disk.journal))
    for way in (in_order, scattered):
        states = [left_by(operations, tmp_path / f"{way.__name__}{seed}", way(seed)) for seed in SEEDS]
        assert all(state["kept"] == b"1" for state in states)
        assert len({tuple(sorted(state.items())) for state in states}) > 5
        assert any(0 < len(content) < 10 for state in states for content in state.values() if content != b"1")


def test_of_changes_in_order_a_later_one_is_never_there_without_an_earlier_one(tmp_path):
    with recorded_disk(tmp_path) as disk:
        for name in "abcdef":
            write(disk.folder / name, b"1", sync=False)
    operations = list(journal.read(disk.journal))
    for seed in SEEDS:
        names = sorted(left_by(operations, tmp_path / str(seed), in_order(seed)))
        assert names == list(islice("abcdef", len(names)))


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    """SQLite as the catalog uses it, shared memory included, with many checkpoints: what was done to the disk, and how
    much of it when each commit of two rows returned."""
    commits = []
    with (
        recorded_disk(tmp_path_factory.mktemp("disk")) as disk,
        closing(sqlite3.connect(disk.folder / "db")) as database,
    ):
        for setting in ("journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=5"):
            database.execute(f"PRAGMA {setting}")
        database.execute("CREATE TABLE t (n)")
        commits.append(disk.position())
        for number in range(30):
            database.executemany("INSERT INTO t VALUES (?)", [(number,)] * 2)
            database.commit()
            commits.append(disk.position())
        return list(journal.read(disk.journal)), commits


def must_be_whole(operations, commits, position, target):
    """Each commit that had returned is there, and none in part."""
    committed = 2 * (sum(end <= position for end in commits) - 1)
    for way in (nothing_more, in_order(position), scattered(position)):
        disk = Disk().play(operations)
        disk.write(target, way(disk))
        with closing(sqlite3.connect(target / "db")) as database:
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert database.execute("SELECT count(*) FROM t").fetchone()[0] in (committed, committed + 2)
        shutil.rmtree(target)


def must_be_whole_always(operations, commits, target):
    for position in range(commits[0], commits[-1] + 1):
        must_be_whole(operations[:position], commits, position, target)


def test_a_database_is_whole_after_a_loss_at_any_moment(database, tmp_path):
    must_be_whole_always(*database, tmp_path / "left")


@pytest.mark.parametrize("file", ["db", "db-wal"])
def test_a_database_that_leaves_out_a_sync_is_seen(database, tmp_path, file):
    """Of the write-ahead log at a commit, or of the database at a checkpoint."""
    operations, commits = database
    left_out = journal.Truncate(-1, 0)  # of no file
    less = [
        left_out if place >= commits[0] and isinstance(o, journal.Sync) and o.path == f"/{file}" else o
        for place, o in enumerate(operations)
    ]
    assert less.count(left_out) > 3
    with pytest.raises((AssertionError, sqlite3.DatabaseError)):
        must_be_whole_always(less, commits, tmp_path / "left")


def test_a_fault_fires_where_and_as_often_as_it_was_told_to(tmp_path):
    with recorded_disk(tmp_path) as disk:
        disk.fail(Fault(GROWTH, errno.ENOSPC, "*/full/*", first=2, times=1))
        (disk.folder / "full").mkdir()
        write(disk.folder / "full" / "a", b"")
        with pytest.raises(OSError, match="No space"):
            write(disk.folder / "full" / "b", b"")
        write(disk.folder / "full" / "c", b"1")
        assert disk.mend() == 1
        assert sorted(path.name for path in (disk.folder / "full").iterdir()) == ["a", "c"]
        disk.fail(Fault(("fsync",), errno.EIO))
        with pytest.raises(OSError, match="Input/output"):
            write(disk.folder / "d", b"1")
        assert disk.mend() == 1
