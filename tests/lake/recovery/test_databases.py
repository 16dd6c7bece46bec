"""A copied database is the committed state, in one file."""

import sqlite3
from contextlib import closing

import pytest

from lake.errors import LakeUnusable
from lake.models import IndexFile
from lake.recovery.databases import copy_database, listed_files
from lake.storage import disk
from tests.lake.recovery.world import HOUR


def test_a_copy_holds_what_is_committed_and_needs_no_other_file(tmp_path):
    source, target = tmp_path / "source.sqlite3", tmp_path / "target.sqlite3"
    with closing(sqlite3.connect(source)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("CREATE TABLE row (number)")
        writer.execute("INSERT INTO row VALUES (1)")
        writer.commit()
        writer.execute("INSERT INTO row VALUES (2)")  # not committed
        entry = copy_database(source, target)
    assert entry == ("target.sqlite3", target.stat().st_size, disk.sha256(target))
    with closing(sqlite3.connect(f"file:{target}?mode=ro&immutable=1", uri=True)) as copied:
        assert copied.execute("SELECT number FROM row").fetchall() == [(1,)]
        assert copied.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_what_is_no_database_is_one_sentence(tmp_path):
    (tmp_path / "source.sqlite3").write_bytes(b"no database" * 100)
    with pytest.raises(LakeUnusable, match="can't be copied to"):
        copy_database(tmp_path / "source.sqlite3", tmp_path / "target.sqlite3")


def test_listed_are_data_and_index_files_that_are_not_superseded(world):
    IndexFile.objects.create(path=".index/a", start=HOUR, end=HOUR, files=[], rows=1, bytes=2, sha256="3")
    IndexFile.objects.create(
        path=".index/b", start=HOUR, end=HOUR, files=[], rows=1, bytes=2, sha256="3", superseded_at=HOUR
    )
    world.save()
    paths = [entry.path for entry in listed_files(world.database)]
    assert [path.partition("/")[0] for path in paths] == ["accounts", "deletes", "likes", "posts", ".index"]
    assert paths[-1] == ".index/a"
