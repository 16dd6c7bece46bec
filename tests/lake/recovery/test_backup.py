"""A backup is complete or there is none, whatever the lake does meanwhile."""

import errno
import os
import shutil
import sqlite3
from contextlib import closing

import pytest

from lake.recovery import manifest, transfer
from lake.recovery.backup import Backup
from process import records
from tests.lake.durable_steps import Steps
from tests.lake.recovery.world import dies, flip, sqlite_rows, tree


def test_what_is_restored_is_what_was_there(world):
    out, failure = world.back_up()
    assert (out, failure) == (
        f"OK: {world.backup} is complete: 4 files linked, 0 copied, 0 kept, 0 old ones removed.\n",
        None,
    )
    out, failure = world.restore()
    assert failure is None
    assert "the consumer resumes at 2026-07-01T12:00:00.000000Z" in out
    assert "redis-cli DEL cursor" in out
    world.must_be_restored()


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


@pytest.mark.parametrize("cut_short", [False, True])
def test_folders_are_durable_before_the_manifest_names_their_files(world, monkeypatch, cut_short):
    """Those of files that were kept from an earlier attempt, too."""
    if cut_short:
        with monkeypatch.context() as patched:
            patched.setattr(manifest, "write", dies)
            with pytest.raises(KeyboardInterrupt):
                world.back_up()
        assert tree(world.backup)
    steps = Steps(world.backup, monkeypatch)
    world.back_up()
    before = steps.done[: steps.done.index("renamed manifest.json.tmp to manifest.json")]
    folders = [path for path in world.backup.rglob("*") if path.is_dir()]
    assert {f"synced {path.relative_to(world.backup)}" for path in folders} < set(before)
    assert {"synced .", f"synced {world.backup.parent}"} < set(before)


def test_folders_of_the_previous_backup_are_not_synced_again(world, monkeypatch):
    world.back_up()
    steps = Steps(world.backup, monkeypatch)
    world.back_up()
    assert not [step for step in steps.done if step.startswith("synced lake")]


def test_a_damaged_catalog_replaces_no_backup(world):
    world.back_up()
    good = tree(world.backup)
    with closing(sqlite3.connect(world.database, isolation_level=None)) as catalog:
        catalog.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = catalog.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'lake_datafile' AND type = 'table'"
        ).fetchone()
        (size,) = catalog.execute("PRAGMA page_size").fetchone()
    with world.database.open("r+b") as file:
        file.seek((page - 1) * size + size // 2)
        file.write(b"\xff" * (size // 2))
    _, failure = world.back_up()
    assert failure.startswith(f"The catalog {world.database} is damaged (")
    assert "the previous one is complete" in failure
    assert tree(world.backup) == good


def test_on_another_disk_files_are_copied(world, monkeypatch):
    def refuses(*_, **__):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuses)
    assert "0 files linked, 4 copied" in world.back_up()[0]
    world.restore()
    world.must_be_restored()


def test_progress_is_of_files(world):
    backup = Backup(world.backup, world.database, world.root)
    assert list(backup.run()) == [(1, 4), (2, 4), (3, 4), (4, 4)]


class TestWhileTheLakeChanges:
    def test_files_that_were_swapped_and_swept_mean_another_look(self, world, monkeypatch):
        """Between the snapshot of the catalog and the transfer of its files."""
        real, swaps = Backup._snapshot, iter(range(3))

        def snapshot(backup):
            made = real(backup)
            if (number := next(swaps, None)) is not None:
                world.swap(name=f"c-{number}.parquet")
            return made

        monkeypatch.setattr(Backup, "_snapshot", snapshot)
        assert world.back_up()[1] is None
        assert [
            entry.path.rpartition("/")[2] for entry in manifest.read(world.backup).files if "posts" in entry.path
        ] == ["c-2.parquet"]
        world.restore()
        world.must_be_restored()

    def test_a_lake_that_never_rests_is_one_sentence_and_no_backup(self, world, monkeypatch):
        real, numbers = Backup._snapshot, iter(range(1000))

        def snapshot(backup):
            made = real(backup)
            world.swap(name=f"c-{next(numbers)}.parquet")
            return made

        monkeypatch.setattr(Backup, "_snapshot", snapshot)
        assert world.back_up()[1].startswith("The lake changed 10 times while it was copied")
        assert manifest.read(world.backup) is None
        assert list(world.backup.glob("catalog-*")) == []

    def test_a_file_that_is_lost_is_no_swap(self, world):
        (path,) = (world.root / "likes").rglob("*.parquet")
        path.unlink()
        assert "which the catalog lists: run verify_lake" in world.back_up()[1]

    def test_what_is_flushed_after_the_moment_is_in_the_next_backup(self, world, monkeypatch):
        real = Backup._snapshot

        def snapshot(backup):
            made = real(backup)
            world.flush()
            return made

        monkeypatch.setattr(Backup, "_snapshot", snapshot)
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
            patch.setattr(transfer, "_copy", full)
            assert world.back_up()[1].startswith(f"The disk of {world.backup} is full: make room")
        assert len(manifest.read(world.backup).files) == 4
        assert world.restore()[1] is None


def test_a_damaged_file_of_the_lake_is_named_and_leaves_the_backup_before(world, monkeypatch):
    world.back_up()
    (path,) = (world.root / "likes").rglob("*.parquet")
    path.unlink()
    path.write_bytes(b"short")
    shutil.rmtree(world.backup / "lake" / "likes")
    assert "1 files of the lake are damaged, such as likes/" in world.back_up()[1]


@pytest.mark.parametrize("links", [True, False])
def test_check_finds_what_size_and_name_can_not(world, links, monkeypatch):
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


def test_the_last_run_is_recorded_beside_the_catalog(world):
    assert records.last_run("backup") == (None, False, None)
    world.back_up()
    good, failed, _ = records.last_run("backup")
    assert (good is None, failed) == (False, False)
    (path,) = (world.root / "likes").rglob("*.parquet")
    kept = path.read_bytes()
    path.unlink()
    path.write_bytes(b"short")
    shutil.rmtree(world.backup / "lake" / "likes")
    world.back_up()
    assert records.last_run("backup")[:2] == (good, True)
    path.write_bytes(kept)
    world.back_up()
    assert not records.last_run("backup").failed
