"""A transferred file is whole or absent, and the source is never written to."""

import errno
import hashlib
import os

import pytest

from lake.recovery import transfer as module
from lake.recovery.transfer import Outcome, transfer
from tests.lake.durable_steps import Steps

SHA256 = hashlib.sha256(b"rows").hexdigest()


@pytest.fixture
def source(tmp_path):
    (tmp_path / "source").write_bytes(b"rows")
    return tmp_path / "source"


@pytest.fixture
def no_links(monkeypatch):
    def refuses(*_):
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuses)


@pytest.mark.parametrize("links", [True, False])
def test_the_target_holds_what_the_source_holds(source, tmp_path, links):
    target = tmp_path / "new" / "folder" / "target"
    assert transfer(source, target, SHA256, links) is (Outcome.LINKED if links else Outcome.COPIED)
    assert target.read_bytes() == b"rows"
    assert source.stat().st_nlink == (2 if links else 1)
    assert [path.name for path in target.parent.iterdir()] == ["target"]


def test_a_copy_is_durable_before_it_has_its_name(source, tmp_path, monkeypatch):
    steps = Steps(tmp_path, monkeypatch)
    transfer(source, tmp_path / "target", SHA256)
    assert steps.done == ["synced .target.tmp", "renamed .target.tmp to target"]


def test_where_links_are_impossible_files_are_copied(source, tmp_path, no_links):
    assert transfer(source, tmp_path / "target", SHA256, links=True) is Outcome.COPIED


@pytest.mark.parametrize("options", [{}, {"links": True, "check": True}])
def test_a_damaged_source_leaves_nothing(source, tmp_path, options):
    source.write_bytes(b"other rows")
    assert transfer(source, tmp_path / "new" / "target", SHA256, **options) is Outcome.DAMAGED
    assert list((tmp_path / "new").iterdir()) == []


def test_the_leftover_link_of_a_killed_backup_is_not_written_into(source, tmp_path):
    """It shares its bytes with the lake's file."""
    (tmp_path / ".target.tmp").hardlink_to(source)
    other = tmp_path / "other"
    other.write_bytes(b"a longer row")
    assert transfer(other, tmp_path / "target", hashlib.sha256(b"a longer row").hexdigest()) is Outcome.COPIED
    assert source.read_bytes() == b"rows"


def test_a_source_that_has_gone_leaves_nothing(tmp_path):
    for links in (True, False):
        with pytest.raises(FileNotFoundError):
            transfer(tmp_path / "gone", tmp_path / "new" / "target", SHA256, links)
    assert list((tmp_path / "new").iterdir()) == []


def test_a_full_disk_is_raised(source, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        transfer(source, tmp_path / "target", SHA256)
    assert not (tmp_path / "target").exists()
