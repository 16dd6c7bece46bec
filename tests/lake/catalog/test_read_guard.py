"""Reads beside a compaction that takes the files away."""

import pytest

from lake.catalog import listing, read_guard
from lake.errors import LakeUnusable
from lake.models import DataFile, InactiveAccount
from tests.builders import NOON_US, account, like, post
from tests.lake.compact.compacting import make


def test_the_flusher_dedupes_while_files_are_replaced_under_it(lake, compactor, monkeypatch):
    """The catalog has just told the flusher where to look, when compaction takes the files away."""
    news = account(False, "deactivated", seq=1)
    frames = [post("one", time_us=NOON_US), like("at://x/y/z"), news]
    lake.flush(*frames)
    replaced = []

    def overtaken(ask):
        def answer(*args):
            paths = ask(*args)
            replaced.append(compactor.round(patient=False))
            return paths

        return answer

    monkeypatch.setattr(listing, "paths_near", overtaken(listing.paths_near))
    lake.flush(*frames, account(True, seq=0, time="2026-06-01T00:00:00.000Z"))
    assert replaced[0] == 3
    assert [len(lake.rows(name)) for name in ("posts", "likes", "accounts")] == [1, 1, 2]
    assert InactiveAccount.objects.count() == 1


def test_a_listed_file_that_is_gone_still_stops_the_flusher(lake):
    lake.flush(post("one", time_us=NOON_US))
    (lake.root / DataFile.objects.get().path).unlink()
    with pytest.raises(LakeUnusable):
        read_guard.read_current(
            lambda: listing.paths_near([(NOON_US, NOON_US)], False), lambda paths: read(lake, paths)
        )


def read(lake, paths):
    return lake.engine.rows("SELECT * FROM read_parquet($1)", [[str(lake.root / path) for path in paths]])


@pytest.fixture
def compactor(lake_root):
    return make(lake_root)
