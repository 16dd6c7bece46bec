"""A catalog that is lost is made anew from the files alone: everything shows as before, and nothing is there twice."""

import shutil
import uuid
from datetime import UTC, datetime, timedelta
from fcntl import LOCK_EX, flock
from io import StringIO
from itertools import islice

import pytest
from django.core.management import CommandError, call_command

from ingest.models import Checkpoint
from ingest.simulator.world.world import World
from lake.catalog import commits, listing
from lake.catalog.coverage import coverage
from lake.catalog.figures import stats
from lake.catalog.identity import State, of_catalog, read_marker
from lake.compact.compactor import Compactor
from lake.flush.flusher import Flusher
from lake.models import BatchRun, CatalogIdentity, DataFile, InactiveAccount, IndexFile, Tombstone
from lake.query.parser import parse
from lake.query.spec import Search
from lake.rebuild.catalog_rows import resume, state
from lake.rebuild.files import LakeFile
from lake.schema import DATASETS
from lake.search.by_uri import look_up
from lake.search.reader import Reader
from lake.storage import layout
from lake.storage.duckdb_engine import Engine
from lake.storage.origin import Batch, Origin, Writer
from process import instants
from process.locks import lock_path
from tests.builders import ALICE, BOB, NOON_US, account, commit, delete, key, like, post, tid
from tests.end_to_end.evidence import dataset_of, row_key

HOUR = 3_600_000_000
LIKE = "app.bsky.feed.like"
MODELS = (IndexFile, DataFile, BatchRun, Tombstone, InactiveAccount, Checkpoint, CatalogIdentity)


@pytest.fixture(autouse=True)
def database_path(settings, tmp_path):
    settings.DATABASE_PATH = tmp_path / "catalog.sqlite3"


def start(lake):
    flusher = Flusher(lake.buffer, lake.root, max_events=100_000)
    flusher.prepare()
    return flusher


def compact(lake, daily=False, grace=0):
    worker = Compactor(lake.root, lake.root / layout.SCRATCH, 1, 0, grace, lambda: False)
    worker.prepare()
    worker.round(daily=daily, patient=False)


def lose():
    """What `migrate` makes: the tables, and nothing in them."""
    for model in MODELS:
        model.objects.all().delete()


def rebuilt(*arguments):
    out = StringIO()
    call_command("rebuild_catalog", *arguments, stdout=out)
    return out.getvalue()


def verify():
    out = StringIO()
    call_command("verify_lake", "--cids", "5", "--again", stdout=out)
    return out.getvalue()


def shown(lake, dataset, **search):
    """All hits of a walk through the dataset, in order."""
    reader, found, place = Reader(Engine("500MB", 1), lake.root), [], None
    while True:
        page = reader.find(Search(dataset=dataset, **search), 500, start=place)
        found += [(hit.key, hit.rev, hit.fields) for hit in page.hits]
        if (place := page.next) is None:
            return found


def answers(lake):
    """What readers get."""
    reader = Reader(Engine("500MB", 1), lake.root)
    reader.tombstones.refresh()
    results = {f"hits of {name}": shown(lake, name) for name in DATASETS}
    results |= {f"all of {name}": shown(lake, name, hide=False) for name in ("posts", "profiles")}
    results |= {f"count of {name}": reader.full_scan.count(Search(dataset=name), 60) for name in DATASETS}
    results |= {text: shown(lake, "posts", query=parse(text)) for text in ("the", "a -the", "lang:en", "is:reply")}
    uris = [f"at://{row['did']}/app.bsky.feed.post/{row['rkey']}" for row in lake.rows("posts")]
    found = look_up(reader.scanner, uris[::3], 60)
    results["lookup"] = ([hit.key for hit in found.hits], found.deleted, found.hidden, found.purged, found.unknown)
    results["rows"] = {name: sorted(map(str, lake.rows(name))) for name in DATASETS}
    results["stats"] = stats()
    results["coverage"] = coverage()
    results["inactive"] = sorted(InactiveAccount.objects.values_list("did", "status", "time_us", "seq"))
    return results


COMPARED = (
    *("path", "dataset", "hour", "rows", "bytes", "min_seen", "max_seen", "min_created", "max_created"),
    *("rows_by_arrival", "sha256", "unpurged"),
)


def listed():
    return sorted(DataFile.listed.values_list(*COMPARED))


def test_likes_that_were_updated_or_deleted_in_an_odd_way_show_as_before(lake):
    """Their files have no states: what hides them must come out of their events."""
    lake.flusher.prepare()
    own, subject = {"did": ALICE, "rkey": tid(NOON_US)}, {"subject": {"uri": "at://x/y", "cid": "c"}}
    likes = [
        commit(LIKE, subject, time_us=NOON_US, rev=tid(NOON_US), **own),
        commit(LIKE, subject, "update", time_us=NOON_US + 1, rev=tid(NOON_US + 1), **own),
        commit(LIKE, subject, rkey="self", rev="3a"),
        commit(LIKE, subject, rkey="self", rev="3c"),
        commit(LIKE, subject, rkey="gone", rev="3a", time_us=NOON_US),
        commit(LIKE, subject, rkey=tid(NOON_US), rev=tid(NOON_US), time_us=0, did=BOB),
        like("at://stays"),
    ]
    lake.flush(*likes, delete("gone", LIKE, rev="3b", time_us=NOON_US - 9 * HOUR))
    lake.flush(delete(tid(NOON_US), LIKE, did=BOB, rev=tid(NOON_US + 1), time_us=NOON_US + 1))
    compact(lake, daily=True)
    before = answers(lake)
    assert before["count of likes"] == (3, "eq")
    lose()
    rebuilt()
    assert answers(lake) == before


@pytest.mark.slow
class TestAWorld:
    """Simulated hours of everything: posts, edits, deletes, records made again, accounts that leave and come back."""

    @pytest.fixture
    def frames(self):
        return [frame for _, frame in islice(World(7, NOON_US, 0.6, users=60), 6000)]

    @pytest.fixture
    def filled(self, lake, frames):
        """Hours that are compacted and purged, late files beside them, and hours that are flushed only, whose deletes
        are of compacted posts, too."""
        lake.flusher.prepare()
        for begin in range(0, 3000, 500):
            lake.flush(*frames[begin : begin + 500])
        compact(lake, daily=True)
        lake.flush(*frames[3000:3700], post("seen at its arrival", time_us=0))
        compact(lake)
        lake.flush(*frames[3700:4500], frames[10])
        lake.flush(*frames[4500:5000])
        return lake

    def test_everything_is_as_before(self, filled):
        before, files, identity = answers(filled), listed(), CatalogIdentity.objects.get()
        waiting = Tombstone.objects.filter(applied_at=None).count()
        assert waiting > 10
        assert before["inactive"]
        assert {each[0].rpartition("/")[2][:2] for each in files} == {"c-", "f-"}
        cursor = Checkpoint.objects.values("time_us", "host", "seq").get()
        lose()
        said = rebuilt()
        assert said.startswith(f"OK: {len(files):,} files, 5,001 rows, ")
        assert listed() == files
        assert not list((filled.root / ".index").iterdir()), "the next compact_lake makes the indexes"
        after = answers(filled)
        assert {name for name in before if before[name] != after[name]} == set()
        assert verify().splitlines()[-1].startswith(f"OK: {len(files):,} files, 5,001 rows")
        again = CatalogIdentity.objects.get()
        assert (again.catalog, again.flush, again.compact) == (identity.catalog, identity.flush, identity.compact)
        assert Checkpoint.objects.values("time_us", "host", "seq").get() == cursor

    @pytest.mark.slow
    def test_the_flusher_and_the_compactor_go_on(self, filled, frames):
        """What is in the buffer and in the lake already folds, what is new comes in, deletes reach the files."""
        filled.append(*frames[4000:5500])  # not trimmed when the catalog was lost
        lose()
        rebuilt()
        start(filled).flush()
        compact(filled, daily=True)
        filled.append(*frames[5500:])
        start(filled).flush()
        compact(filled, daily=True)
        held = [row_key(name, row) for name in DATASETS for row in filled.rows(name)]
        assert len(set(held)) == len(held) == 6001
        assert {(dataset_of(frame), *key(frame)) for frame in frames} <= set(held)
        assert not Tombstone.objects.filter(applied_at=None).exists()
        assert verify().splitlines()[-1].startswith("OK: ")
        after = answers(filled)
        lose()
        rebuilt()
        again = answers(filled)
        assert {name for name in after if after[name] != again[name]} == set()


@pytest.fixture
def filled(lake):
    """Two compacted hours' files and one that is not, of a lake that has been killed nowhere."""
    start(lake)
    lake.flush(post("one", rkey="a", time_us=NOON_US), like("at://x/app.bsky.feed.post/y"))
    lake.flush(post("two", time_us=NOON_US + 1))
    compact(lake)
    lake.flush(post("three", time_us=NOON_US + HOUR))
    return lake


def texts(lake):
    return sorted(row["text"] for row in lake.rows("posts"))


def orphans(lake):
    folder = lake.root / ".orphans"
    return sorted(path.name.rpartition("~")[2] for path in folder.iterdir()) if folder.is_dir() else []


class TestWhatItRefuses:
    def test_a_catalog_that_lists_files(self, filled):
        before = listed()
        with pytest.raises(CommandError, match=r"lists 3 files already.*an empty one only"):
            rebuilt()
        assert listed() == before

    @pytest.mark.parametrize("writer", ["flush_buffer", "compact_lake"])
    def test_a_writer_that_runs(self, filled, writer):
        lose()
        with lock_path(writer).open("w") as file:
            flock(file.fileno(), LOCK_EX)
            with pytest.raises(CommandError, match=f"{writer} runs: stop it"):
                rebuilt()
        assert not DataFile.objects.exists()

    def test_a_lake_that_is_missing(self, filled, settings):
        lose()
        settings.LAKE_ROOT = settings.LAKE_ROOT / "elsewhere"
        with pytest.raises(CommandError, match=r"LAKE_ROOT .* is missing"):
            rebuilt()


class TestEachEventIsThereOnce:
    def test_of_a_compaction_that_was_killed_before_its_swap(self, lake, monkeypatch):
        start(lake)
        lake.flush(post("one", time_us=NOON_US))
        lake.flush(post("two", time_us=NOON_US + 1))
        with monkeypatch.context() as patch:
            patch.setattr(commits, "swap", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                compact(lake)
        lose()
        rebuilt()
        assert texts(lake) == ["one", "two"]
        assert [name[:2] for name in orphans(lake)] == ["f-", "f-"]
        compact(lake)
        assert "OK: 1 files, 2 rows" in verify()

    def test_of_one_that_was_killed_before_the_old_files_moved(self, lake, monkeypatch):
        start(lake)
        lake.flush(post("one", time_us=NOON_US), like("at://x/app.bsky.feed.post/y"))
        lake.flush(post("two", time_us=NOON_US + 1))
        with monkeypatch.context() as patch:
            patch.setattr("lake.compact.compactor.sweep.move", lambda *_: None)
            patch.setattr("lake.compact.compactor.sweep.sweep", lambda *_: 0)
            compact(lake)
        lose()
        rebuilt()
        assert texts(lake) == ["one", "two"]
        assert len(lake.rows("likes")) == 1
        assert [name[:2] for name in orphans(lake)] == ["f-", "f-", "f-"]

    def test_of_an_hour_that_was_compacted_twice(self, filled, monkeypatch):
        """The latest has the states, and what was deleted is gone from it."""
        old = listing.files_of("posts").get(hour=instants.utc(NOON_US)).path
        raw = (filled.root / old).read_bytes()
        filled.flush(delete("a", time_us=NOON_US + HOUR + 5))
        compact(filled, daily=True)
        (filled.root / old).write_bytes(raw)
        lose()
        rebuilt()
        assert [row["text"] for row in filled.rows("posts")] == [None, "two", "three"]
        assert orphans(filled) == [old.rpartition("/")[2]]

    def test_of_a_late_file_beside_a_compacted_one(self, filled):
        filled.flush(post("late", time_us=NOON_US + 7))
        lose()
        rebuilt()
        assert texts(filled) == ["late", "one", "three", "two"]
        assert orphans(filled) == []

    def test_of_what_was_superseded_and_waits_for_its_sweep(self, lake):
        start(lake)
        lake.flush(post("one"))
        lake.flush(post("two"))
        compact(lake, grace=3600)
        lose()
        rebuilt()
        assert texts(lake) == ["one", "two"]
        assert len(orphans(lake)) == 2
        assert not list((lake.root / ".superseded").iterdir())
        assert "OK: 1 files, 2 rows" in verify()

    def test_of_a_batch_that_was_killed_before_its_commit(self, filled, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr(commits, "commit", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                filled.flush(post("four", time_us=NOON_US + HOUR + 1), like("at://x/app.bsky.feed.post/z"))
        lose()
        rebuilt()
        start(filled).flush()
        assert texts(filled) == ["four", "one", "three", "two"]
        assert len(filled.rows("likes")) == 2
        assert filled.buffer.depth() == 0

    @pytest.mark.parametrize("dataset", ["posts", "likes"])
    def test_of_files_that_share_rows_and_of_which_none_covers_the_other(self, lake, dataset):
        """As when a file that was set aside is put back after its batch was written again with other events."""
        make = post if dataset == "posts" else lambda text, **times: like(f"at://x/app.bsky.feed.post/{text}")
        one, two, three = (make(text, time_us=NOON_US + n) for n, text in enumerate(("one", "two", "three")))
        start(lake)
        lake.flush(one, two)
        aside = DataFile.objects.get().path
        raw = (lake.root / aside).read_bytes()
        lose()
        (lake.root / aside).unlink()
        (lake.root / ".lake.json").unlink()
        start(lake)
        lake.append(two, three)
        start(lake).flush()
        (lake.root / aside).with_name("f-7-0.parquet").write_bytes(raw)
        lose()
        rebuilt()
        assert len(lake.rows(dataset)) == 3
        assert [path.rpartition("/")[2][:2] for path in DataFile.objects.values_list("path", flat=True)] == ["c-"]
        assert len(orphans(lake)) == 2
        assert "OK: 1 files, 3 rows" in verify()


class TestWithLess:
    def test_without_a_marker_the_lake_gets_a_new_identity(self, filled):
        before = CatalogIdentity.objects.get().catalog
        (filled.root / ".lake.json").unlink()
        lose()
        rebuilt()
        assert CatalogIdentity.objects.get().catalog != before
        assert read_marker(filled.root) == of_catalog()
        start(filled)
        compact(filled)
        filled.flusher = start(filled)
        filled.flush(post("four", time_us=NOON_US + HOUR + 1))
        assert texts(filled) == ["four", "one", "three", "two"]

    def test_files_of_version_0_1_are_counted(self, filled, monkeypatch):
        """They say nothing of themselves."""
        monkeypatch.setattr(Origin, "metadata", lambda self: {})
        filled.flush(post("no clock", time_us=0), post("four", time_us=NOON_US + HOUR + 1))
        compact(filled, daily=True)
        filled.flush(post("five", time_us=NOON_US + 2 * HOUR))
        before = listed()
        shutil.rmtree(filled.root / ".index", ignore_errors=True)
        lose()
        rebuilt()
        assert listed() == before
        assert DataFile.objects.filter(rows_by_arrival=1).count() == 1
        assert verify().splitlines()[-1].startswith("OK: ")

    def test_a_damaged_file_is_named_and_set_aside(self, filled):
        path = listing.files_of("posts").get(hour=instants.utc(NOON_US + HOUR)).path
        (filled.root / path).write_bytes((filled.root / path).read_bytes()[:-9])
        lose()
        out = StringIO()
        with pytest.raises(CommandError, match="1 files could not be read"):
            call_command("rebuild_catalog", stdout=out)
        assert f"{path}: " in out.getvalue()
        assert texts(filled) == ["one", "two"]
        assert orphans(filled) == [path.rpartition("/")[2]]
        start(filled)

    def test_a_file_in_the_folder_of_another_hour_or_dataset_is_none(self, filled):
        posts = listing.files_of("posts").get(hour=instants.utc(NOON_US + HOUR)).path
        for place in (posts.replace("hour=13", "hour=15"), posts.replace("posts/", "reposts/")):
            (filled.root / place).parent.mkdir(parents=True)
            shutil.copyfile(filled.root / posts, filled.root / place)
        lose()
        with pytest.raises(CommandError, match="2 files could not be read"):
            rebuilt()
        assert texts(filled) == ["one", "three", "two"]

    def test_a_run_that_was_stopped_is_begun_again(self, filled, monkeypatch):
        before = listed()
        lose()
        with monkeypatch.context() as patch:
            patch.setattr("lake.rebuild.rebuild.identity.write_marker", lambda *_: None)
            patch.setattr(
                DataFile.objects.__class__, "bulk_create", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
            )
            with pytest.raises(CommandError, match="begin again"):
                rebuilt()
        assert not DataFile.objects.exists()
        rebuilt()
        assert listed() == before

    def test_an_empty_lake_makes_an_empty_catalog(self, lake):
        start(lake)
        lose()
        assert rebuilt().startswith("OK: 0 files, 0 rows, 0 tombstones, 0 inactive accounts. Next: ")
        start(lake)


class TestTombstones:
    def test_a_version_that_comes_after_its_delete_stays_hidden(self, lake):
        """A host replays a day and a half: the delete must still be known, although no file shows the post yet."""
        now = int(datetime.now(UTC).timestamp() * 1e6)
        lake.flush(delete("a", rev="3b", time_us=now - 2 * HOUR), delete("b", rev="3b", time_us=NOON_US - 240 * HOUR))
        lose()
        rebuilt()
        assert set(Tombstone.objects.values_list("rkey", "rev", "deleted")) == {("a", "3b", True)}

    def test_each_has_the_time_of_its_own_event(self, lake):
        """What a walk through pages goes by."""
        lake.flush(
            post("one", rkey="a", rev="3a", time_us=NOON_US),
            post("two", "update", rkey="a", rev="3b", time_us=NOON_US + 5),
            post("three", "update", rkey="a", rev="3c", time_us=NOON_US + 7),
        )
        before = set(Tombstone.objects.values_list("did", "collection", "rkey", "rev", "deleted", "seen"))
        lose()
        rebuilt()
        after = set(Tombstone.objects.values_list("did", "collection", "rkey", "rev", "deleted", "seen"))
        assert after == {each for each in before if each[3] > "3a"}

    def test_the_latest_account_event_counts(self, lake):
        lake.flush(
            account(False, "deactivated", seq=1, time="2026-07-01T12:00:01Z"),
            account(True, seq=2, time="2026-07-01T12:00:02Z"),
            account(True, did=BOB, seq=1, time="2026-07-01T12:00:01Z"),
            account(False, "deleted", did=BOB, seq=2, time="2026-07-01T12:00:02Z"),
        )
        lose()
        rebuilt()
        assert list(InactiveAccount.objects.values_list("did", "status")) == [(BOB, "deleted")]
        assert ALICE


# --- decided from what the files say alone ------------------------------------------------------------------------

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
MARKER = State(str(uuid.UUID(int=1)), 5, 2)


def found(name, commit=0, flushed=0, cursor=None, minute=0, catalog_=MARKER.catalog):
    writer = Writer.COMPACT if name.startswith("c-") else Writer.FLUSH
    batch = Batch("1-0", "2-0", NOON) if writer == Writer.FLUSH else None
    origin = Origin(catalog_, writer, commit, flushed, cursor, batch=batch) if commit else None
    seen = NOON + timedelta(minutes=minute)
    path = f"posts/year=2026/month=07/day=01/hour=12/{name}.parquet"
    row = DataFile(path=path, dataset="posts", hour=NOON, rows=1, bytes=1, min_seen=seen, max_seen=seen)
    return LakeFile(row, origin, {})


def cursor(number):
    return commits.Cursor(number, "host", number)


def minute(number):
    return commits.Cursor(NOON_US + number * 60_000_000)


@pytest.mark.parametrize(
    ("files", "marker", "expected"),
    [
        ([], MARKER, None),
        ([found("f-1-0", 4, 4, cursor(4)), found("f-2-0", 5, 5, cursor(5))], MARKER, cursor(5)),
        # The sixth may lack files that never got their names.
        ([found("f-1-0", 5, 5, cursor(5)), found("f-2-0", 6, 6, cursor(6))], MARKER, cursor(5)),
        ([found("c-1", 2, 5, cursor(5)), found("f-2-0", 4, 4, cursor(4))], MARKER, cursor(5)),
        ([found("c-1", 2, 5, cursor(5)), found("f-2-0", 6, 6, cursor(6))], None, cursor(5)),
        ([found("f-1-0", 5, 5, cursor(5), 3), found("f-2-0", 6, 6, cursor(6), 9)], None, minute(9)),
        ([found("f-1-0", minute=1), found("f-2-0", minute=5), found("f-2-0-1", minute=3)], None, minute(3)),
        ([found("f-9-0", minute=1), found("f-10-0", minute=5)], None, minute(5)),
        ([found("c-1", minute=7), found("c-2", minute=2)], None, minute(7)),
    ],
)
def test_it_resumes_where_all_before_is_surely_in_the_files(files, marker, expected):
    assert resume(files, marker) == expected


def test_numbers_go_on_beyond_those_of_all_files():
    files = [found("f-1-0", 7, 7), found("c-1", 3, 6), found("f-2-0")]
    assert state(files, MARKER, "new") == State(MARKER.catalog, 7, 3)
    assert state([], MARKER, "new") == MARKER
    assert state(files[1:], None, "new") == State("new", 6, 3)
