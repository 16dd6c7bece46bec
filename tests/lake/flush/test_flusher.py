"""From the buffer to the lake."""

from datetime import UTC, datetime

import pytest

from ingest.buffer.entries import Cursor
from ingest.models import Checkpoint
from lake.catalog import listing
from lake.errors import LakeUnusable
from lake.flush import deletions, flusher
from lake.models import BatchRun, DataFile
from lake.storage import disk as storage_disk
from lake.storage import layout, parquet_writer
from tests.builders import NOON_US, POST, like, post

MINUTE = 60_000_000
HOUR = 60 * MINUTE


def parquet(root):
    """All files but the lake's marker."""
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()} - {layout.MARKER}


def test_a_batch_is_written_committed_and_trimmed(lake):
    assert lake.flush(post("one"), post("two"), like("at://x/app.bsky.feed.post/y")) == 3
    assert [row["text"] for row in lake.rows("posts")] == ["one", "two"]
    assert len(lake.rows("likes")) == 1
    assert lake.buffer.depth() == 0
    assert parquet(lake.root) == listing.known_paths()


def test_the_batch_run_says_what_was_done(lake):
    again = post("one", time_us=NOON_US)
    lake.flush(again, again, like("at://x/y/z"))
    run = BatchRun.objects.get()
    assert (run.state, run.events, run.duplicates, run.rows) == ("committed", 3, 1, {"posts": 1, "likes": 1})
    assert run.first_seen == datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert sum(run.minutes.values()) == 2
    assert run.minutes["2026-07-01T12:00"] >= 1
    assert run.bytes_in > 0
    assert run.bytes_out == sum(DataFile.objects.values_list("bytes", flat=True))


def test_a_file_is_listed_with_what_it_holds(lake):
    lake.flush(post("a", time_us=NOON_US), post("b", time_us=NOON_US + 5))
    file = DataFile.objects.get()
    assert file.path.startswith("posts/year=2026/month=07/day=01/hour=12/f-")
    assert (file.rows, file.bytes) == (2, (lake.root / file.path).stat().st_size)
    assert file.sha256 == storage_disk.sha256(lake.root / file.path)
    assert (file.max_seen - file.min_seen).microseconds == 5


def test_events_go_to_the_hour_in_which_they_were_seen(lake):
    lake.flush(post("a", time_us=NOON_US - 1), post("b", time_us=NOON_US), post("c", time_us=NOON_US + HOUR))
    assert sorted(file.hour.hour for file in DataFile.objects.all()) == [11, 12, 13]
    assert [row["text"] for row in lake.rows("posts")] == ["a", "b", "c"]


def test_the_checkpoint_is_the_cursor_of_the_last_entry(lake):
    lake.flush(post(time_us=NOON_US + 3), post(time_us=NOON_US + 7), post(time_us=NOON_US))
    row = Checkpoint.objects.get()
    assert Cursor(row.time_us, row.host, row.seq) == Cursor(NOON_US + 7, "test", None)


def test_a_flush_takes_what_waits_in_batches_of_a_limited_size(lake, monkeypatch):
    lake.flusher._max_events = 400
    lake.flush(*[post(str(number)) for number in range(1000)])
    assert sorted(BatchRun.objects.values_list("events", flat=True)) == [200, 400, 400]
    assert len(lake.rows("posts")) == 1000


def test_a_batch_is_limited_in_bytes(lake, monkeypatch):
    monkeypatch.setattr(flusher, "BATCH_BYTES", 10_000)
    lake.flush(*[post("x" * 1000) for _ in range(600)])
    assert BatchRun.objects.count() == 3  # a reply of 256 entries is the smallest step


def test_a_flush_ends_although_events_keep_coming(lake):
    lake.append(post("before"))
    read = lake.buffer.read

    def read_while_more_come(*args):
        lake.append(post("later"))
        return read(*args)

    lake.buffer.read = read_while_more_come
    assert lake.flusher.flush() == 1


@pytest.mark.parametrize("junk", [b"no json", b'{"did": "\xff"}', b'{"kind":"commit"', b""])
def test_an_event_that_cannot_be_written_is_set_aside_and_stops_nothing(lake, redis, junk):
    lake.append(post("a"), post("b"))
    redis.xadd("buffer", {"f": junk, "c": f"{NOON_US}  test"})
    lake.append(post("c"))
    assert lake.flush() == 4
    assert [row["text"] for row in lake.rows("posts")] == ["a", "b", "c"]
    (letter,) = lake.buffer.dead_letters()
    assert (letter.reason, letter.head, letter.length) == ("poison", junk, len(junk))
    assert lake.buffer.depth() == 0
    assert BatchRun.objects.filter(state="failed").exclude(error="").exists()


def failing(monkeypatch, marker):
    """A bug of ours: an event with this text makes the step after dedupe raise an error that nothing expects."""
    tombstones = deletions.tombstones

    def broken(engine, root, new, turn):
        if any(marker in body for body in new.tables["posts"]["body"].to_pylist()):
            raise TypeError("unsupported type")
        return tombstones(engine, root, new, turn)

    monkeypatch.setattr(deletions, "tombstones", broken)


def test_an_event_that_meets_a_bug_of_ours_is_set_aside_and_stops_nothing(lake, monkeypatch):
    failing(monkeypatch, "unlucky")
    assert lake.flush(post("a"), post("unlucky"), post("c")) == 3
    assert [row["text"] for row in lake.rows("posts")] == ["a", "c"]
    (letter,) = lake.buffer.dead_letters()
    assert letter.reason == "poison"
    assert b"unlucky" in letter.head
    assert lake.buffer.depth() == 0


def test_a_bug_of_ours_that_meets_every_event_stops_the_flusher_before_all_are_dead_letters(lake, monkeypatch):
    failing(monkeypatch, "unlucky")
    monkeypatch.setattr(flusher, "MOST_UNEXPECTED", 3)
    lake.append(*(post(f"unlucky {number}") for number in range(10)))
    with pytest.raises(LakeUnusable, match=r"3 events .* TypeError"):
        lake.flush()
    assert len(lake.buffer.dead_letters()) + lake.buffer.depth() == 10
    assert len(lake.buffer.dead_letters()) == 3


def test_a_file_whose_name_is_taken_gets_another_and_the_first_stays(lake, monkeypatch):
    first = lake.flush(post("first")) and DataFile.objects.get()
    before = (lake.root / first.path).read_bytes()
    name = layout.flush_name
    monkeypatch.setattr(layout, "flush_name", lambda _id, attempt=0: name("1-0", attempt))
    (lake.root / first.path).rename(lake.root / first.path.replace(first.path.split("/")[-1], "f-1-0.parquet"))
    DataFile.objects.update(path=first.path.replace(first.path.split("/")[-1], "f-1-0.parquet"))
    lake.flush(post("second"))
    assert sorted(path.split("/")[-1] for path in listing.known_paths()) == ["f-1-0-1.parquet", "f-1-0.parquet"]
    assert (lake.root / "posts/year=2026/month=07/day=01/hour=12/f-1-0.parquet").read_bytes() == before


def test_files_of_a_batch_that_fails_before_its_commit_are_withdrawn(lake, monkeypatch):
    monkeypatch.setattr(parquet_writer.PendingFile, "publish", lambda self: (_ for _ in ()).throw(LakeUnusable("no")))
    with pytest.raises(LakeUnusable):
        lake.flush(post(), like("at://x/y/z"))
    assert parquet(lake.root) == set()
    assert lake.buffer.depth() == 2
    assert BatchRun.objects.get().state == "failed"


def test_a_disk_that_takes_no_file_makes_no_dead_letters(lake):
    lake.append(post("a"), post("b"))
    (lake.root / "posts").write_text("in the folder's way")
    with pytest.raises(LakeUnusable, match="can't be written"):
        lake.flush()
    assert lake.buffer.dead_letters() == []
    (lake.root / "posts").unlink()
    assert lake.flush() == 2
    assert [row["text"] for row in lake.rows("posts")] == ["a", "b"]


def test_the_lake_is_laid_out_for_other_readers(lake):
    """Plain hive folders that DuckDB reads without our help, and names that begin with the collection's dataset."""
    lake.flush(post("found by others"))
    sql = "SELECT text, year, month, day, hour FROM read_parquet($1)"
    ((text, year, month, day, hour),) = lake.engine.rows(sql, [f"{lake.root}/posts/**/*.parquet"])
    assert (text, int(year), int(month), int(day), int(hour)) == ("found by others", 2026, 7, 1, 12)
    assert POST.endswith("post")
