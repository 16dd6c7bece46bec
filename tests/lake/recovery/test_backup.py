"""A backup is whole or there is none, whatever the lake does meanwhile; what it restores is what was there."""

import errno
import fcntl
import json
import os
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from ingest.models import Checkpoint
from lake.catalog.identity import State, mismatch, read_marker, write_marker
from lake.models import BatchRun, CatalogIdentity, DataFile
from lake.recovery import backup as backup_module
from lake.recovery import manifest
from lake.recovery.backup import Backup
from lake.storage import disk
from lake.storage.layout import partition
from tests.builders import NOON_US

HOUR = datetime(2026, 7, 1, 12, tzinfo=UTC)


@pytest.fixture
def world(db, tmp_path, lake_root, settings):
    """Files of a lake, whatever they hold, and their catalog as a file, as the service has it."""
    settings.DATABASE_PATH = tmp_path / "catalog.sqlite3"
    world = World(tmp_path, settings)
    for dataset in ("posts", "likes", "deletes", "accounts"):
        world.add(dataset, "f-1-0.parquet")
    Checkpoint.objects.create(time_us=NOON_US)
    world.save()
    return world


class World:
    def __init__(self, folder, settings):
        self.settings, self.database, self.root = settings, settings.DATABASE_PATH, settings.LAKE_ROOT
        self.backup, self.new = folder / "backup", folder / "new"
        self.batch = BatchRun.objects.create(
            started_at=HOUR, seconds=1, state="committed", first_id="1-0", last_id="2-0", events=1
        )

    def add(self, dataset, name):
        """A file that the catalog lists."""
        path = f"{partition(dataset, HOUR)}/{name}"
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(f"rows of {path}".encode())
        times = {"min_seen": HOUR, "max_seen": HOUR, "hour": HOUR}
        facts = {"rows": 1, "bytes": (self.root / path).stat().st_size, "sha256": disk.sha256(self.root / path)}
        DataFile.objects.create(path=path, dataset=dataset, batch=self.batch, **times, **facts)

    def save(self):
        """The test's catalog, which is in memory, becomes the file. Others may have it open."""
        with closing(sqlite3.connect(":memory:")) as copy, closing(sqlite3.connect(self.database)) as file:
            copy.deserialize(connection.connection.serialize())  # backup() would wait for the test's transaction
            file.execute("PRAGMA journal_mode = WAL")
            copy.backup(file)

    def flush(self, name="f-2-0.parquet"):
        """Another file."""
        self.add("posts", name)
        self.save()

    def swap(self, name="c-1.parquet"):
        """What a compaction does: a file in place of those listed, which move away and are deleted."""
        old = DataFile.objects.filter(dataset="posts", superseded_at=None)
        gone = list(old.values_list("path", flat=True))
        old.update(superseded_at=HOUR)
        self.add("posts", name)
        self.save()
        for path in gone:
            (self.root / path).unlink()

    def back_up(self, *arguments):
        return called("backup", str(self.backup), *arguments)

    def restore(self, root="lake"):
        self.new.mkdir(exist_ok=True)
        self.settings.DATABASE_PATH, self.settings.LAKE_ROOT = self.new / "catalog.sqlite3", self.new / root
        return called("restore", str(self.backup))

    def must_be_restored(self):
        """Each file, byte by byte, and each row of the catalog."""
        with (
            closing(sqlite3.connect(self.database)) as old,
            closing(sqlite3.connect(self.new / "catalog.sqlite3")) as new,
        ):
            assert list(new.iterdump()) == list(old.iterdump())
        assert tree(self.new / "lake") == {
            path: raw for path, raw in tree(self.root).items() if ".superseded" not in path
        }


def called(*arguments):
    """What the command prints, and the sentence with which it fails (None when it does not)."""
    out = StringIO()
    try:
        call_command(*arguments, stdout=out)
    except CommandError as error:
        return out.getvalue(), str(error)
    return out.getvalue(), None


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_restored_is_what_was_there(world):
    out, failure = world.back_up()
    assert (out, failure) == (
        f"OK: {world.backup} is complete: 4 files linked, 0 copied, 0 kept, 0 old ones removed.\n",
        None,
    )
    out, failure = world.restore()
    assert failure is None
    assert "the consumer goes on from 2026-07-01T12:00:00.000000Z" in out
    assert "redis-cli DEL cursor" in out
    world.must_be_restored()


class TestTheMarker:
    @pytest.fixture
    def identity(self, world):
        row = CatalogIdentity.objects.create(flush=7, compact=3)
        write_marker(world.root, State(str(row.catalog), 7, 3))
        world.save()
        world.back_up()
        return row

    def test_a_restored_lake_has_the_one_of_its_catalog(self, world, identity):
        world.flush()  # after the backup
        CatalogIdentity.objects.update(flush=8)
        write_marker(world.root, State(str(identity.catalog), 8, 3))
        world.save()
        assert world.restore()[1] is None
        assert read_marker(world.new / "lake") == State(str(identity.catalog), 7, 3)

    def test_a_lake_of_version_0_1_has_none(self, world):
        with closing(sqlite3.connect(world.database)) as file, file:
            file.execute("DROP TABLE lake_catalogidentity")
        world.back_up()
        assert world.restore()[1] is None
        assert read_marker(world.new / "lake") is None

    def test_the_restored_catalog_over_the_lake_that_went_on_is_an_older_copy(self, world, identity, settings):
        write_marker(world.root, State(str(identity.catalog), 8, 3))
        assert "is an older copy: it ends with flush 7" in mismatch(world.root)


def test_the_handles_come_along(world):
    handles = world.database.with_suffix(".handles.sqlite3")
    with closing(sqlite3.connect(handles)) as file, file:
        file.execute("CREATE TABLE handle (did, name)")
        file.execute("INSERT INTO handle VALUES ('did:plc:a', 'a.example')")
    world.back_up()
    world.restore()
    with closing(sqlite3.connect(world.new / "catalog.handles.sqlite3")) as file:
        assert file.execute("SELECT * FROM handle").fetchall() == [("did:plc:a", "a.example")]


def test_a_second_backup_takes_only_what_is_new_and_removes_what_is_old(world):
    world.back_up()
    world.flush()
    assert "1 files linked, 0 copied, 4 kept, 0 old" in world.back_up()[0]
    world.swap()
    assert "1 files linked, 0 copied, 3 kept, 2 old" in world.back_up()[0]
    assert len(list(world.backup.glob("catalog-*"))) == 1
    world.restore()
    world.must_be_restored()


def test_on_another_disk_files_are_copied(world, monkeypatch):
    def refuses(*_, **__):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuses)
    assert "0 files linked, 4 copied" in world.back_up()[0]
    world.restore()
    world.must_be_restored()


def test_restored_files_share_nothing_with_the_backup(world):
    world.back_up()
    world.restore()
    (path,) = (world.new / "lake" / "posts").rglob("*.parquet")
    assert path.stat().st_nlink == 1


class TestWhileTheLakeChanges:
    def test_files_that_were_swapped_and_swept_mean_another_look(self, world, monkeypatch):
        """The moment between the catalog's copy and its files is the dangerous one."""
        real, swaps = backup_module._listed, iter(range(3))

        def listed(catalog):
            found = real(catalog)
            if (number := next(swaps, None)) is not None:
                world.swap(name=f"c-{number}.parquet")
            return found

        monkeypatch.setattr(backup_module, "_listed", listed)
        assert world.back_up()[1] is None
        assert [
            entry.path.rpartition("/")[2] for entry in manifest.read(world.backup).files if "posts" in entry.path
        ] == ["c-2.parquet"]
        world.restore()
        world.must_be_restored()

    def test_a_lake_that_never_rests_is_one_sentence_and_no_backup(self, world, monkeypatch):
        real, numbers = backup_module._listed, iter(range(1000))

        def listed(catalog):
            found = real(catalog)
            world.swap(name=f"c-{next(numbers)}.parquet")
            return found

        monkeypatch.setattr(backup_module, "_listed", listed)
        assert world.back_up()[1].startswith("The lake changed 10 times while it was copied")
        assert manifest.read(world.backup) is None
        assert list(world.backup.glob("catalog-*")) == []

    def test_a_file_that_is_lost_is_no_swap(self, world):
        (path,) = (world.root / "likes").rglob("*.parquet")
        path.unlink()
        assert "which the catalog lists: run verify_lake" in world.back_up()[1]

    def test_what_is_flushed_after_the_moment_is_in_the_next_backup(self, world, monkeypatch):
        real = backup_module._listed

        def listed(catalog):
            found = real(catalog)
            world.flush()
            return found

        monkeypatch.setattr(backup_module, "_listed", listed)
        world.back_up()
        assert len(manifest.read(world.backup).files) == 4


class TestUntilTheManifestIsThere:
    def test_a_folder_without_one_is_no_backup(self, world, monkeypatch):
        monkeypatch.setattr(manifest, "write", dies)
        with pytest.raises(KeyboardInterrupt):
            world.back_up()
        assert world.restore()[1] == f"{world.backup} has no manifest.json: no backup was ever finished there."
        assert not (world.new / "lake").exists()

    def test_the_backup_before_is_whole(self, world, monkeypatch):
        """A backup that dies as late as can be leaves the one before, with its own catalog and files."""
        world.back_up()
        with monkeypatch.context() as patch:
            patch.setattr(manifest, "write", dies)
            before = tree(world.root), sqlite_rows(world.database)
            world.swap()
            with pytest.raises(KeyboardInterrupt):
                world.back_up()
        assert world.restore()[1] is None
        assert (tree(world.new / "lake"), sqlite_rows(world.new / "catalog.sqlite3")) == before

    def test_the_next_one_goes_on_with_what_is_there(self, world, monkeypatch):
        with monkeypatch.context() as patch:
            patch.setattr(manifest, "write", dies)
            with pytest.raises(KeyboardInterrupt):
                world.back_up()
        assert "0 files linked, 0 copied, 4 kept" in world.back_up()[0]

    def test_a_full_disk_is_one_sentence_and_leaves_the_one_before(self, world, monkeypatch):
        world.back_up()
        world.flush()

        def full(*_, **__):
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(errno.EXDEV, "")))
            patch.setattr(backup_module, "copy", full)
            assert world.back_up()[1].startswith(f"The disk of {world.backup} is full: make room")
        assert len(manifest.read(world.backup).files) == 4
        assert world.restore()[1] is None


def dies(*_):
    raise KeyboardInterrupt


def sqlite_rows(path):
    with closing(sqlite3.connect(path)) as database:
        return list(database.iterdump())


class TestDamage:
    def test_a_damaged_file_of_the_lake_is_named_and_leaves_the_backup_before(self, world, monkeypatch):
        world.back_up()
        (path,) = (world.root / "likes").rglob("*.parquet")
        path.unlink()
        path.write_bytes(b"short")
        shutil.rmtree(world.backup / "lake" / "likes")
        assert "1 files of the lake are damaged, such as likes/" in world.back_up()[1]

    @pytest.mark.parametrize("links", [True, False])
    def test_check_finds_what_size_and_name_can_not(self, world, links, monkeypatch):
        if not links:
            monkeypatch.setattr(os, "link", lambda *_: (_ for _ in ()).throw(OSError(errno.EXDEV, "")))
        world.back_up()
        (path,) = (world.backup / "lake" / "likes").rglob("*.parquet")
        flip(path)  # with a link this is the lake's file too
        assert world.back_up()[1] is None
        failure = world.back_up("--check")[1]
        assert ("1 files of the lake are damaged" in failure) if links else failure is None
        if not links:
            world.restore()
            world.must_be_restored()

    def test_what_is_damaged_in_the_backup_is_left_out_and_named(self, world):
        world.back_up()
        (path,) = (world.backup / "lake" / "likes").rglob("*.parquet")
        flip(path)
        (other,) = (world.backup / "lake" / "accounts").rglob("*.parquet")
        other.unlink()
        out, failure = world.restore()
        assert failure == "2 files were left out: verify_lake lists their rows."
        assert f"{path.relative_to(world.backup / 'lake')}: is missing or damaged in the backup" in out
        assert len(tree(world.new / "lake")) == 2

    def test_a_damaged_catalog_is_refused_before_anything_is_copied(self, world):
        world.back_up()
        (path,) = world.backup.glob("catalog-*")
        flip(path)
        assert "is missing or damaged: use another backup" in world.restore()[1]
        assert list(world.new.iterdir()) == []

    @pytest.mark.parametrize(
        ("raw", "words"),
        [
            ("{", "is damaged"),
            ("[]", "is damaged"),
            ('{"version": 1}', "is damaged"),
            ('{"version": 7}', "has the version 7"),
        ],
    )
    def test_a_manifest_that_is_none_is_one_sentence(self, world, raw, words):
        world.back_up()
        (world.backup / "manifest.json").write_text(raw)
        assert words in world.back_up()[1]
        assert words in world.restore()[1]

    def test_a_manifest_can_not_reach_outside(self, world):
        world.back_up()
        made = json.loads((world.backup / "manifest.json").read_text())
        made["files"][0][0] = "../../elsewhere.parquet"
        (world.backup / "manifest.json").write_text(json.dumps(made))
        assert "lies outside" in world.restore()[1]


def flip(path):
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


class TestPlaces:
    @pytest.mark.parametrize("place", ["lake/backup", "lake", ".", "catalog.sqlite3"])
    def test_a_folder_in_the_way_is_refused(self, world, place):
        world.backup = world.root.parent / place
        before = tree(world.root.parent)
        assert "lie inside each other: name a folder apart" in world.back_up()[1]
        assert tree(world.root.parent) == before

    def test_a_folder_with_something_else_is_refused_and_untouched(self, world):
        (world.backup / "lake").mkdir(parents=True)
        (world.backup / "lake" / "holiday.jpg").write_bytes(b"a picture")
        assert "holds something that is no backup of ours" in world.back_up()[1]
        assert tree(world.backup) == {"lake/holiday.jpg": b"a picture"}

    def test_a_folder_whose_disk_is_not_mounted_is_refused(self, world):
        world.backup = world.backup / "not" / "mounted"
        assert "mount or create" in world.back_up()[1]

    def test_a_file_is_no_folder(self, world):
        world.backup.write_bytes(b"")
        assert "is a file: name a folder" in world.back_up()[1]

    def test_without_a_catalog_there_is_nothing_to_back_up(self, world):
        world.database.unlink()
        assert "manage.py migrate" in world.back_up()[1]

    def test_only_one_at_a_time(self, world):
        world.back_up()
        with (world.backup / "backup.lock").open() as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            assert "Another backup or restore uses" in world.back_up()[1]
            assert "Another backup or restore uses" in world.restore()[1]

    def test_a_restore_overwrites_nothing(self, world):
        world.back_up()
        world.new.mkdir()
        for name in ("catalog.sqlite3", "catalog.handles.sqlite3"):
            (world.new / name).write_bytes(b"mine")
            assert f"{world.new / name} exists: restore into an empty place only" in world.restore()[1]
            (world.new / name).unlink()
        (world.new / "lake").mkdir()
        (world.new / "lake" / "mine").write_bytes(b"mine")
        assert "is not empty: restore into an empty place only" in world.restore()[1]
        assert tree(world.new) == {"lake/mine": b"mine"}

    def test_a_restore_needs_its_disk(self, world):
        world.back_up()
        assert "does not exist: mount or create it" in world.restore(root="not/mounted")[1]


def test_progress_is_of_files(world):
    backup = Backup(world.backup, world.database, world.root)
    assert list(backup.run()) == [(1, 4), (2, 4), (3, 4), (4, 4)]
