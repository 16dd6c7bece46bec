"""What is restored is what was backed up, in an empty place; what is damaged is named."""

import sqlite3
from contextlib import closing

import pytest

from ingest.models import Connection
from lake.catalog.identity import State, mismatch, read_marker, write_marker
from lake.models import CatalogIdentity
from lake.recovery.databases import RESTORED
from tests.lake.recovery.world import HOUR, flip, tree


def test_restored_files_share_nothing_with_the_backup(world):
    world.back_up()
    world.restore()
    (path,) = (world.new / "lake" / "posts").rglob("*.parquet")
    assert path.stat().st_nlink == 1


def test_a_connection_that_was_open_ends_where_the_backup_last_saw_it(world):
    Connection.objects.create(host="open", wire="v1", opened_at=HOUR, saved_at=HOUR)
    Connection.objects.create(
        host="over", wire="v1", opened_at=HOUR, saved_at=HOUR, closed_at=HOUR, why_closed="stopped"
    )
    world.save()
    world.back_up()
    world.restore()
    with closing(sqlite3.connect(world.new / "catalog.sqlite3")) as file:
        rows = file.execute("SELECT host, closed_at = saved_at, why_closed FROM ingest_connection ORDER BY host")
        assert rows.fetchall() == [("open", 1, RESTORED), ("over", 1, "stopped")]


def test_what_is_damaged_in_the_backup_is_left_out_and_named(world):
    world.back_up()
    (path,) = (world.backup / "lake" / "likes").rglob("*.parquet")
    flip(path)
    (other,) = (world.backup / "lake" / "accounts").rglob("*.parquet")
    other.unlink()
    out, failure = world.restore()
    assert failure == "2 files were left out: verify_lake lists their rows."
    assert f"{path.relative_to(world.backup / 'lake')}: is missing or damaged in the backup" in out
    assert len(tree(world.new / "lake")) == 2


def test_a_damaged_catalog_is_refused_before_anything_is_copied(world):
    world.back_up()
    (path,) = world.backup.glob("catalog-*")
    flip(path)
    assert "is missing or damaged: use another backup" in world.restore()[1]
    assert list(world.new.iterdir()) == []


def test_a_restore_overwrites_nothing(world):
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


def test_a_restore_needs_its_disk(world):
    world.back_up()
    assert "does not exist: mount or create it" in world.restore(root="not/mounted")[1]


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
