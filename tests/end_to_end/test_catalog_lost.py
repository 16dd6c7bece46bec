"""The catalog is replaced, removed or lost: no writer loses what is in the buffer or in the lake, and all goes on once
the right catalog is back."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from ingest.simulator.server.server import running
from tests.end_to_end.stream import frames_of, world
from tests.end_to_end.test_backup import restored, search, succeed
from tests.end_to_end.test_disk import must_have_stopped

PARTS = ("", "-wal", "-shm")


def aside(stack):
    """Takes the catalog away, with its log, while whoever has it open goes on; a way to put it back."""
    parts = [part for part in PARTS if stack.database.with_name(stack.database.name + part).exists()]
    for part in parts:
        place = stack.database.with_name(stack.database.name + part)
        place.rename(place.with_name(f"aside{part}"))

    def back():
        for part in PARTS:
            stack.database.with_name(stack.database.name + part).unlink(missing_ok=True)
        for part in parts:
            stack.database.with_name(f"aside{part}").rename(stack.database.with_name(stack.database.name + part))

    return back


def files(stack):
    return {path: path.stat().st_ino for path in stack.root.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize("replaced", [False, True], ids=["removed", "replaced by a new one"])
def test_a_catalog_that_goes_while_the_flusher_runs_stops_it_and_nothing_is_lost(make_stack, template, replaced):
    moments = world(900)
    with running(moments[:300]) as jetstream:
        stack = make_stack(jetstream.url)
        consumer, flusher = stack.consumer(), stack.flusher()
        stack.await_rows(300, consumer, flusher)
        back = aside(stack)
        if replaced:
            shutil.copyfile(template, stack.database)
        consumer.kill_at_work()  # it would make the file anew
        consumer = stack.consumer(DATABASE_PATH=str(stack.folder / "consumer.sqlite3"))
        jetstream.publish(*frames_of(moments[300:]))
        stack.await_depth(600)
        must_have_stopped(flusher, "was replaced or removed while this process ran", "Nothing is lost")
        assert stack.depth >= 600, "nothing was trimmed"
        consumer.kill_at_work()
        back()
        assert stack.lake.listed_rows() == 300
        stack.settle(frames_of(moments), stack.consumer(), stack.flusher())


@pytest.mark.parametrize("command", ["flush_buffer", pytest.param("compact_lake", marks=pytest.mark.slow)])
def test_a_new_catalog_over_the_lake_is_refused_and_nothing_is_touched(make_stack, template, command):
    moments = world(900)
    with running(moments[:600]) as jetstream:
        stack = make_stack(jetstream.url, COMPACT_AFTER_SECONDS="0", SWEEP_GRACE_SECONDS="0")
        consumer, flusher = stack.consumer(), stack.flusher()
        stack.await_rows(600, consumer, flusher)
        flusher.stop_cleanly()
        jetstream.publish(*frames_of(moments[600:]))
        stack.await_depth(300)
        consumer.stop_cleanly()
        assert stack.compactor("--once").await_end() == 0
        before, back = files(stack), aside(stack)
        shutil.copyfile(template, stack.database)
        must_have_stopped(stack.start(command, "--once"), "belongs to another catalog", "manage.py rebuild_catalog")
        assert files(stack) == before
        assert stack.depth >= 300
        back()
        stack.settle(frames_of(moments), stack.consumer(), stack.flusher())


@pytest.mark.slow
def test_an_older_copy_of_the_catalog_is_refused_until_it_is_rebuilt(make_stack, template):
    """Flushed, compacted, flushed again; then the copy that was made in between."""
    moments = world(1200)
    frames = frames_of(moments)
    with running(moments[:600]) as jetstream:
        stack = make_stack(jetstream.url, COMPACT_AFTER_SECONDS="0", SWEEP_GRACE_SECONDS="0")
        consumer, flusher = stack.consumer(), stack.flusher()
        stack.await_rows(600, consumer, flusher)
        flusher.stop_cleanly()
        copy = stack.folder / "older.sqlite3"
        with closing(sqlite3.connect(stack.database)) as now, closing(sqlite3.connect(copy)) as older:
            now.backup(older)
        succeed(stack, "compact_lake", "--once")
        jetstream.publish(*frames[600:900])
        flusher = stack.flusher()
        stack.await_rows(900, consumer, flusher)
        flusher.stop_cleanly()
        before, posts = files(stack), search(stack, "a")
        aside(stack)
        shutil.copyfile(copy, stack.database)
        for command in ("flush_buffer", "compact_lake"):
            must_have_stopped(stack.start(command, "--once"), "is an older copy", "manage.py rebuild_catalog")
        must_have_stopped(stack.start("rebuild_catalog"), "fills an empty one only")
        assert files(stack) == before
        aside(stack)
        shutil.copyfile(template, stack.database)
        succeed(stack, "rebuild_catalog")
        assert search(stack, "a") == posts
        succeed(stack, "verify_lake", "--cids", "5")
        jetstream.publish(*frames[900:])
        stack.settle(frames, consumer, stack.flusher())
        succeed(stack, "compact_lake", "--once")
        succeed(stack, "verify_lake")
        stack.lake.must_equal(frames)


@pytest.mark.slow
def test_a_restored_lake_starts_without_a_word(make_stack, tmp_path):
    moments, backup = world(400), tmp_path / "backup"
    with running(moments) as jetstream:
        stack = make_stack(jetstream.url)
        stack.settle(frames_of(moments), stack.consumer(), stack.flusher())
        succeed(stack, "backup", str(backup))
        other = restored(make_stack, jetstream.url, backup)
        assert (other.root / ".lake.json").read_text() == (stack.root / ".lake.json").read_text()
        succeed(other, "flush_buffer", "--once")
        succeed(other, "compact_lake", "--once")
        succeed(other, "verify_lake")
