"""What the disk of a folder says of itself."""

import os
import subprocess

import pytest

from lake.errors import LakeUnusable
from lake.storage.disk import complaint, make_folder


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB; and a function that mounts it with other options."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", tmp_path]
    if os.getuid() or subprocess.run(mount, check=False).returncode:
        pytest.skip("may not mount a small disk here")
    yield tmp_path, lambda options: subprocess.run(["mount", "-o", f"remount,{options}", tmp_path], check=True)
    subprocess.run(["umount", tmp_path], check=True)


def test_a_disk_with_room_has_no_complaint(tmp_path):
    assert complaint(tmp_path) == ""


def test_a_folder_that_is_gone_is_named(tmp_path):
    assert complaint(tmp_path / "none").endswith("mount it or create it")


def test_a_root_that_is_missing_is_not_made(tmp_path):
    with pytest.raises(LakeUnusable, match="is missing"):
        make_folder(tmp_path / "not mounted", "posts/year=2026")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_or_read_only_is_named(small_disk):
    folder, remount = small_disk
    (folder / "file").write_bytes(bytes(1_040_000))
    assert "is full" in complaint(folder)
    (folder / "file").unlink()
    assert complaint(folder) == ""
    remount("ro")
    assert "is read-only" in complaint(folder)
    assert complaint(folder, writes=False) == "", "a reader's mount may be"
