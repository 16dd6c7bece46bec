"""A lake and its catalog know each other: what is not this catalog's is never touched by a writer."""

import json
import os
import sqlite3
import uuid
from contextlib import closing

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from ingest.models import Checkpoint
from lake.catalog import commits, identity, listing, orphans
from lake.catalog.identity import Claim, State
from lake.compact.compactor import Compactor
from lake.errors import LakeUnusable
from lake.flush import batch_files
from lake.flush.flusher import Flusher
from lake.models import BatchRun, CatalogIdentity, DataFile, IndexFile, Tombstone
from lake.storage import layout
from lake.storage.origin import Writer
from process import instants
from tests.builders import NOON_US, delete, like, post

HOUR = 3_600_000_000


def flusher(lake):
    return Flusher(lake.buffer, lake.root, max_events=100_000)


def compactor(root):
    return Compactor(root, root / layout.SCRATCH, 1, 0, 0, lambda: False)


def marker(lake):
    return json.loads((lake.root / ".lake.json").read_text())


def tree(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def forget_catalog():
    """What a fresh catalog is: the tables, and nothing in them."""
    for model in (DataFile, BatchRun, Tombstone, IndexFile, Checkpoint, CatalogIdentity):
        model.objects.all().delete()


@pytest.fixture
def filled(lake):
    """Files of three flushes, one hour of them compacted."""
    lake.flusher.prepare()
    lake.flush(post("one", rkey="a", time_us=NOON_US), like("at://x/app.bsky.feed.post/y"))
    lake.flush(post("two", time_us=NOON_US + 1), delete("a", time_us=NOON_US + 2))
    worker = compactor(lake.root)
    worker.prepare()
    worker.round(patient=False)
    lake.flush(post("three", time_us=NOON_US + HOUR))
    return lake


def refused(prepare, root):
    """The sentence with which a writer refuses to start; nothing is touched."""
    before = tree(root)
    with pytest.raises(LakeUnusable) as caught:
        prepare()
    assert tree(root) == before
    return str(caught.value)


class TestTheMarker:
    def test_the_first_start_on_an_empty_lake_makes_it(self, lake):
        lake.flusher.prepare()
        made = marker(lake)
        assert (made["catalog"], made["flush"], made["compact"]) == (str(CatalogIdentity.objects.get().catalog), 0, 0)

    def test_it_follows_each_commit(self, filled):
        row = CatalogIdentity.objects.get()
        assert (row.flush, row.compact) == (3, 3)
        assert {name: marker(filled)[name] for name in ("catalog", "flush", "compact")} == {
            "catalog": str(row.catalog),
            "flush": 3,
            "compact": 3,
        }

    def test_what_is_written_over_it_is_never_half_there(self, lake, monkeypatch):
        lake.flusher.prepare()
        before = marker(lake)
        real = commits.commit

        def commit(change, reach):
            real(change, reach)
            monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(5, "I/O error")))

        monkeypatch.setattr(commits, "commit", commit)
        with pytest.raises(LakeUnusable, match="can't be written"):
            lake.flush(post())
        assert marker(lake) == before
        assert lake.buffer.depth() == 1

    def test_one_behind_is_the_killed_writer_that_had_no_time_to_write_it(self, filled):
        row = CatalogIdentity.objects.get()
        identity.write_marker(filled.root, State(str(row.catalog), row.flush - 1, row.compact - 1))
        flusher(filled).prepare()
        compactor(filled.root).prepare()
        assert (marker(filled)["flush"], marker(filled)["compact"]) == (3, 3)
        assert not (filled.root / layout.ORPHANS).exists()

    def test_one_that_cant_be_read_is_one_sentence(self, filled):
        (filled.root / ".lake.json").write_text("{")
        assert ".lake.json can't be read" in refused(flusher(filled).prepare, filled.root)

    def test_a_lake_without_one_is_adopted_when_its_files_are_the_catalogs(self, filled):
        """As the release before has left it."""
        (filled.root / ".lake.json").unlink()
        CatalogIdentity.objects.all().delete()
        flusher(filled).prepare()
        assert marker(filled)["catalog"] == str(CatalogIdentity.objects.get().catalog)
        filled.flusher  # noqa: B018 - the fixture's one keeps the old identity; a new process does not


class TestWhatIsRefused:
    @pytest.mark.parametrize("writer", ["flusher", "compactor"])
    def test_a_fresh_catalog_over_a_filled_lake(self, filled, writer):
        forget_catalog()
        prepare = flusher(filled).prepare if writer == "flusher" else compactor(filled.root).prepare
        said = refused(prepare, filled.root)
        assert "belongs to another catalog" in said
        assert "manage.py rebuild_catalog" in said
        assert not CatalogIdentity.objects.exists()

    @pytest.mark.parametrize("writer", ["flusher", "compactor"])
    def test_a_fresh_catalog_over_a_filled_lake_that_has_no_marker(self, filled, writer):
        forget_catalog()
        (filled.root / ".lake.json").unlink()
        prepare = flusher(filled).prepare if writer == "flusher" else compactor(filled.root).prepare
        said = refused(prepare, filled.root)
        assert "files that the catalog" in said
        assert "manage.py rebuild_catalog" in said

    def test_another_catalog(self, filled):
        CatalogIdentity.objects.update(catalog=uuid.uuid4())
        assert "belongs to another catalog" in refused(flusher(filled).prepare, filled.root)

    @pytest.mark.parametrize("writer", ["flusher", "compactor"])
    def test_an_older_copy_of_the_catalog(self, filled, writer):
        """Of the moment before the last flush."""
        DataFile.objects.filter(batch=BatchRun.objects.first()).delete()
        CatalogIdentity.objects.update(flush=2)
        prepare = flusher(filled).prepare if writer == "flusher" else compactor(filled.root).prepare
        said = refused(prepare, filled.root)
        assert "is an older copy" in said
        assert "flush 2" in said
        assert "flush 3" in said

    def test_an_older_copy_over_a_lake_that_has_no_marker(self, filled):
        filled.flush(post("four", time_us=NOON_US + HOUR + 1))
        DataFile.objects.filter(hour__gt=instants.utc(NOON_US)).delete()
        CatalogIdentity.objects.update(flush=2)
        (filled.root / ".lake.json").unlink()
        assert "files that the catalog" in refused(flusher(filled).prepare, filled.root)

    def test_an_older_copy_of_before_files_were_expired(self, filled):
        """What retention removes is a commit like any other."""
        before = CatalogIdentity.objects.get().compact
        claim = Claim(filled.root, Writer.COMPACT)
        claim.take()
        commits.supersede([DataFile.objects.first().path], claim.advance)
        claim.mark()
        assert marker(filled)["compact"] == CatalogIdentity.objects.get().compact == before + 1

    def test_verify_lake_names_it_and_its_fix_touches_nothing(self, filled, settings, tmp_path, capsys):
        settings.DATABASE_PATH = tmp_path / "catalog.sqlite3"
        forget_catalog()
        before = tree(filled.root)
        with pytest.raises(CommandError, match="belongs to another catalog"):
            call_command("verify_lake", "--fix")
        assert tree(filled.root) == before
        with pytest.raises(CommandError, match="differences"):
            call_command("verify_lake")
        assert ".lake.json: LAKE_ROOT" in capsys.readouterr().out

    @pytest.mark.parametrize("command", ["flush_buffer", "compact_lake"])
    def test_the_command_ends_with_the_sentence(self, filled, settings, tmp_path, command):
        settings.DATABASE_PATH = tmp_path / "catalog.sqlite3"
        forget_catalog()
        filled.append(post("waits"))
        with pytest.raises(CommandError, match=r"belongs to another catalog.*rebuild_catalog"):
            call_command(command, "--once")
        assert filled.buffer.depth() == 1


class TestFilesSayWhoWroteThem:
    def test_a_flushed_file(self, filled):
        path = DataFile.objects.get(hour=instants.utc(NOON_US + HOUR)).path
        made = {key.decode(): value.decode() for key, value in pq.read_metadata(filled.root / path).metadata.items()}
        run = BatchRun.objects.first()
        assert made["catalog"] == str(CatalogIdentity.objects.get().catalog)
        assert (made["dataset"], made["hour"]) == ("posts", "2026-07-01T13")
        assert (made["writer"], made["commit"], made["flushed"]) == ("flush", "3", "3")
        assert made["batch"].split(" ")[:2] == [run.first_id, run.last_id]
        assert made["cursor"] == f"{NOON_US + HOUR}  test"
        assert (made["rows_by_arrival"], made["unpurged"]) == ("0", "0")

    def test_a_compacted_file(self, filled):
        path = listing.files_of("posts").get(hour=instants.utc(NOON_US)).path
        origin = orphans.origin_of(filled.root / path)
        assert (origin.writer, origin.flushed, origin.batch) == (Writer.COMPACT, 2, None)
        assert 0 < origin.commit <= 3
        assert origin.cursor.time_us >= NOON_US


def on_disk_catalog(path):
    """A catalog as a file, in place of the test's, which is in memory."""
    with closing(sqlite3.connect(path)) as file, file:
        file.execute("CREATE TABLE something (x)")


class TestTheOpenCatalogIsTheFileAtItsPath:
    """What a process has open is what the next start will find, or nothing is trimmed, replaced or deleted."""

    @pytest.fixture
    def place(self, lake, tmp_path, monkeypatch):
        """The device and inode that the open catalog seems to have."""
        path = tmp_path / "catalog.sqlite3"
        on_disk_catalog(path)
        monkeypatch.setattr(identity, "_file", lambda: (path.stat().st_dev, path.stat().st_ino))
        monkeypatch.setattr(identity, "_reopened", identity._file)
        return path

    def replace(self, place):
        other = place.with_name("other.sqlite3")
        on_disk_catalog(other)
        other.rename(place)

    def test_a_replaced_catalog_stops_the_flusher_before_its_commit(self, lake, place, monkeypatch):
        lake.flusher.prepare()
        lake.flush(post("one"))
        self.replace(place)
        with pytest.raises(LakeUnusable, match="was replaced or removed while this process ran"):
            lake.flush(post("two"))
        assert lake.buffer.depth() == 1
        assert len(lake.rows("posts")) == 1
        assert CatalogIdentity.objects.get().flush == 1

    def test_and_before_its_trim(self, lake, place, monkeypatch):
        lake.flusher.prepare()
        lake.flush(post("one"))
        real = commits.commit

        def commit(change, reach):
            real(change, reach)
            self.replace(place)

        monkeypatch.setattr(commits, "commit", commit)
        with pytest.raises(LakeUnusable, match="was replaced or removed while this process ran"):
            lake.flush(post("two"))
        assert lake.buffer.depth() == 1
        assert marker(lake)["flush"] == 1, "the marker is of what the catalog at its path has"

    def test_and_between_the_marker_and_the_trim(self, lake, place, monkeypatch):
        lake.flusher.prepare()
        real = Claim.mark

        def mark(claim):
            real(claim)
            self.replace(place)

        monkeypatch.setattr(Claim, "mark", mark)
        with pytest.raises(LakeUnusable, match="was replaced or removed while this process ran"):
            lake.flush(post("one"))
        assert lake.buffer.depth() == 1

    @pytest.mark.parametrize("change", [{"catalog": uuid.UUID(int=1)}, {"flush": 7}, {"flush": 0}])
    def test_so_does_one_that_was_written_over(self, lake, change):
        lake.flusher.prepare()
        lake.flush(post("one"))
        CatalogIdentity.objects.update(**change)
        with pytest.raises(LakeUnusable, match="was replaced or removed"):
            lake.flush(post("two"))
        assert lake.buffer.depth() == 1

    def test_so_does_a_lake_that_another_catalog_has_taken(self, lake):
        lake.flusher.prepare()
        lake.flush(post("one"))
        identity.write_marker(lake.root, State(str(uuid.uuid4()), 1, 0))
        with pytest.raises(LakeUnusable, match="belongs to another catalog"):
            lake.flush(post("two"))
        assert lake.buffer.depth() == 1

    @pytest.mark.parametrize("put", [lambda root: None, lambda root: root.mkdir()], ids=["gone", "an empty folder"])
    def test_so_does_a_lake_that_goes_between_the_commit_and_the_marker(self, lake, put, monkeypatch):
        lake.flusher.prepare()
        real = commits.commit

        def commit(change, reach):
            real(change, reach)
            lake.root.rename(lake.root.with_name("aside"))
            put(lake.root)

        monkeypatch.setattr(commits, "commit", commit)
        with pytest.raises(LakeUnusable, match=r"LAKE_ROOT .* is missing, or lacks \.lake\.json"):
            lake.flush(post("one"))
        assert lake.buffer.depth() == 1
        assert not (lake.root / ".lake.json").exists()

    def test_so_does_a_lake_that_goes_before_the_commit(self, lake, monkeypatch):
        lake.flusher.prepare()
        real = batch_files.publish

        def publish(root, files):
            real(root, files)
            root.rename(root.with_name("aside"))
            root.mkdir()

        monkeypatch.setattr(batch_files, "publish", publish)
        with pytest.raises(LakeUnusable, match=r"LAKE_ROOT .* is missing, or lacks \.lake\.json"):
            lake.flush(post("one"))
        assert not DataFile.objects.exists()
        assert lake.buffer.depth() == 1

    def test_the_compactor_replaces_nothing(self, lake, place):
        lake.flush(post("one"))
        lake.flush(post("two"))
        worker = compactor(lake.root)
        worker.prepare()
        self.replace(place)
        with pytest.raises(LakeUnusable, match="was replaced or removed"):
            worker.round(patient=False)
        assert DataFile.listed.filter(batch__isnull=False).count() == 2

    def test_nor_does_it_delete_what_was_replaced(self, lake, place):
        lake.flush(post("one"))
        lake.flush(post("two"))
        worker = Compactor(lake.root, lake.root / layout.SCRATCH, 1, 0, 3600, lambda: False)
        worker.prepare()
        worker.round(patient=False)
        before = tree(lake.root)
        sweeper = compactor(lake.root)
        sweeper.prepare()
        self.replace(place)
        with pytest.raises(LakeUnusable, match="was replaced or removed"):
            sweeper.round(patient=False)
        assert tree(lake.root) == before
