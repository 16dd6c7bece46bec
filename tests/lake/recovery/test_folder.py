"""A backup's folder is apart from the lake, holds nothing else, and has one user at a time."""

import fcntl

import pytest

from tests.lake.recovery.world import tree


@pytest.mark.parametrize("place", ["lake/backup", "lake", ".", "catalog.sqlite3"])
def test_a_folder_in_the_way_is_refused(world, place):
    world.backup = world.root.parent / place
    before = tree(world.root.parent)
    assert "lie inside each other: name a folder apart" in world.back_up()[1]
    record = "catalog.sqlite3.records/backup.json"  # that this run has failed
    ((name, text),) = tree(world.root.parent).items() - before.items()
    assert (name, text.startswith(b'{"good": null, "failed": true, ')) == (record, True)
    assert before.keys() <= tree(world.root.parent).keys()


def test_a_folder_with_something_else_is_refused_and_untouched(world):
    (world.backup / "lake").mkdir(parents=True)
    (world.backup / "lake" / "holiday.jpg").write_bytes(b"a picture")
    assert "is not empty and no backup" in world.back_up()[1]
    assert tree(world.backup) == {"lake/holiday.jpg": b"a picture"}


def test_a_folder_whose_disk_is_not_mounted_is_refused(world):
    world.backup = world.backup / "not" / "mounted"
    assert "mount or create" in world.back_up()[1]


def test_a_file_is_no_folder(world):
    world.backup.write_bytes(b"")
    assert "is a file: name a folder" in world.back_up()[1]


def test_without_a_catalog_there_is_nothing_to_back_up(world):
    world.database.unlink()
    assert "manage.py migrate" in world.back_up()[1]


def test_only_one_at_a_time(world):
    world.back_up()
    with (world.backup / "backup.lock").open() as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        assert "Another backup or restore uses" in world.back_up()[1]
        assert "Another backup or restore uses" in world.restore()[1]
