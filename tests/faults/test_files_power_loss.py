"""The power fails right after an export, a backup or a restore has said that it is done, and in its midst."""

import json
import shutil
from itertools import cycle

import pytest

from ingest.simulator.server.server import running
from lake.storage import disk as lake_disk
from tests.end_to_end.evidence import Lake
from tests.end_to_end.stream import frames_of, world
from tests.end_to_end.test_backup import succeed
from tests.faults import journal
from tests.faults.power_loss import Disk, in_order, nothing_more, scattered
from tests.faults.recorded_disk import recorded_disk

pytestmark = pytest.mark.slow
COMPACTION = {"COMPACT_AFTER_SECONDS": "1", "SWEEP_GRACE_SECONDS": "0"}


@pytest.fixture
def disk(tmp_path):
    with recorded_disk(tmp_path / "disk") as disk:
        yield disk


@pytest.fixture
def stack(make_stack):
    moments = world(600)
    with running(moments) as jetstream:
        stack = make_stack(jetstream.url)
        stack.settle(frames_of(moments), stack.consumer(), stack.flusher())
        yield stack


def must_be_complete(folder):
    """The file is there with its manifest, and is what that says."""
    manifest = json.loads((folder / "posts.csv.manifest.json").read_text())
    assert manifest["state"] == "complete"
    assert lake_disk.sha256(folder / "posts.csv") == manifest["sha256"]


def test_an_export_that_said_ok_is_there_after_a_power_loss(stack, disk, tmp_path):
    succeed(stack, "export_posts", "--output", str(disk.folder / "posts.csv"), "--format", "csv")
    end = disk.position()
    done = list(journal.read(disk.journal))[:end]
    left = tmp_path / "left"
    Disk().play(done).write(left, nothing_more(Disk()))
    must_be_complete(left)


def test_an_export_whose_file_is_there_is_whole_whenever_the_power_failed(stack, disk, tmp_path):
    succeed(stack, "export_posts", "--output", str(disk.folder / "posts.csv"), "--format", "csv")
    end = disk.position()
    done = list(journal.read(disk.journal))[:end]
    for place in range(end + 1):
        for way in (in_order, scattered):
            left = tmp_path / f"{way.__name__}{place}"
            state = Disk().play(done[:place])
            state.write(left, way(place)(state))
            if (left / "posts.csv").exists():
                must_be_complete(left)


def test_a_restored_catalog_is_there_only_with_all_of_its_files(stack, disk, tmp_path):
    backup = tmp_path / "backup"
    succeed(stack, "backup", str(backup))
    database, root = disk.folder / "catalog.sqlite3", disk.folder / "lake"
    restored = stack.start("restore", str(backup), DATABASE_PATH=str(database), LAKE_ROOT=str(root))
    assert restored.await_end() == 0, restored.text
    end = disk.position()
    done = list(journal.read(disk.journal))[:end]
    for place in range(end + 1):
        for way in (lambda _: nothing_more, in_order, scattered):
            left = tmp_path / f"left{place}{way.__name__}"
            state = Disk().play(done[:place])
            state.write(left, way(place)(state))
            if (left / "catalog.sqlite3").exists():
                Lake(left / "lake", left / "catalog.sqlite3").must_have_its_files()
    assert (tmp_path / f"left{end}<lambda>" / "catalog.sqlite3").exists()


def is_backed_up(folder):
    """Whether there is a backup, which then must have all that its manifest names."""
    if not (folder / "manifest.json").exists():
        return False
    manifest = json.loads((folder / "manifest.json").read_text())
    entries = [("", manifest["catalog"]), *(("lake", file) for file in manifest["files"])]
    for place, (path, _, sha256) in entries:
        assert (folder / place / path).exists(), f"the manifest names {path}, which is not there"
        assert lake_disk.sha256(folder / place / path) == sha256, path
    return True


@pytest.mark.parametrize("way", ["copied", "linked"])
def test_a_backup_is_whole_whenever_the_power_failed_and_so_is_the_next_one(stack, disk, tmp_path, way):
    """Files are linked where the lake is on the same disk. Between the two backups all of them are replaced."""
    root = stack.root
    if way == "linked":
        root = shutil.copytree(stack.root, disk.folder / "lake")
        disk.sync()
    began, ended = disk.position(), []
    for _ in range(2):
        assert way in succeed(stack, "backup", str(disk.folder / "backup"), LAKE_ROOT=str(root)).text
        ended.append(disk.position())
        succeed(stack, "compact_lake", "--once", LAKE_ROOT=str(root), **COMPACTION)
    done, ways = list(journal.read(disk.journal)), cycle([in_order, scattered, lambda _: nothing_more])
    for place in range(began, ended[1] + 1):
        left, choose = tmp_path / f"left{place}", next(ways)(place)
        state = Disk().play(done[:place])
        state.write(left, choose(state))
        assert is_backed_up(left / "backup") or place < ended[0], "there was a backup already"
        shutil.rmtree(left)
