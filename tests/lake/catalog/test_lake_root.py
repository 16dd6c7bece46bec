"""LAKE_ROOT against the catalog."""

import os
from pathlib import Path

import pytest

from lake.catalog import lake_root
from lake.errors import LakeUnusable
from tests.builders import post


def test_a_lake_that_is_not_the_catalogs_is_refused(lake, tmp_path):
    lake.flush(post())
    (tmp_path / "empty").mkdir()
    with pytest.raises(LakeUnusable, match="which the catalog lists"):
        lake_root.require_lake_root(tmp_path / "empty")
    with pytest.raises(LakeUnusable, match="is missing"):
        lake_root.require_lake_root(tmp_path / "gone")


def test_the_first_start_makes_the_lakes_folder_but_never_its_parents(db, tmp_path):
    lake_root.require_lake_root(tmp_path / "lake")
    assert (tmp_path / "lake").is_dir()
    with pytest.raises(LakeUnusable, match="is missing"):
        lake_root.require_lake_root(tmp_path / "no" / "lake")


@pytest.mark.django_db
def test_two_processes_may_start_at_once(tmp_path, monkeypatch):
    root, is_dir = tmp_path / "lake", Path.is_dir

    def other_is_quicker(path):
        found = is_dir(path)
        os.makedirs(root, exist_ok=True)  # noqa: PTH103 - which does not ask is_dir
        return found

    monkeypatch.setattr(Path, "is_dir", other_is_quicker)
    lake_root.require_lake_root(root)
