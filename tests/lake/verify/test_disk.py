"""Files that the catalog does not list are named, after a running writer had time to list them."""

import os
import shutil
import time

import pytest

from lake.models import DataFile
from lake.storage.layout import superseded_place
from lake.verify import disk
from lake.verify.disk import DiskChecks
from tests.lake.verify.lakes import found, path_of, the_only_finding, verified


def test_a_file_that_no_batch_lists_is_named(full):
    (path_of(full).parent / "f-1-0.parquet").write_bytes(b"an orphan")
    finding = the_only_finding()
    assert "is on the disk, but the catalog does not list it; verify_lake --fix moves it to .orphans" in finding


def test_a_temporary_file_is_named_when_it_is_old(full):
    temporary = path_of(full).parent / ".f-1-0.parquet.tmp"
    temporary.write_bytes(b"growing")
    assert verified()[1] is None
    os.utime(temporary, (time.time() - 3600, time.time() - 3600))
    assert temporary.name in the_only_finding()


def test_a_superseded_file_is_no_finding_wherever_it_is(full):
    (full.root / ".superseded").mkdir()
    file = DataFile.objects.get(dataset="posts")
    DataFile.objects.filter(pk=file.pk).update(superseded_at="2026-07-02T00:00:00Z")
    new = file.path.replace("f-", "c-").replace("-0.parquet", ".parquet")
    shutil.copyfile(full.root / file.path, full.root / new)
    file.pk, file.path, file.batch = None, new, None
    file.save()
    assert verified()[1] is None
    old = DataFile.superseded.get().path
    (full.root / old).rename(full.root / superseded_place(old))
    assert verified()[1] is None
    (full.root / ".superseded" / "other").write_bytes(b"")
    assert any(line.startswith(".superseded/other: is on the disk") for line in verified()[0])


class TestBesideARunningFlusher:
    @pytest.fixture(autouse=True)
    def impatient(self, monkeypatch):
        monkeypatch.setattr(disk, "POLL_SECONDS", 0.01)

    def test_a_file_that_is_listed_a_moment_later_is_no_finding(self, full):
        DataFile.objects.filter(dataset="posts").update(path="posts/not-yet.parquet")
        (unlisted,) = disk.unlisted(full.root)

        def commits():
            DataFile.objects.filter(dataset="posts").update(path=unlisted)
            return True

        assert found(full, DiskChecks, commits) == []

    def test_a_file_that_stays_unlisted_is_one(self, full, monkeypatch):
        monkeypatch.setattr(disk, "COMMIT_SECONDS", 0.05)
        (full.root / "posts" / "x.parquet").write_bytes(b"")
        assert [line.partition(":")[0] for line in found(full, DiskChecks, lambda: True)] == ["posts/x.parquet"]
