"""A lake to verify, and the place of the journal."""

import pytest

from tests.builders import account, delete, like, post


@pytest.fixture(autouse=True)
def journal_path(settings, tmp_path):
    settings.DATABASE_PATH = tmp_path / "catalog.sqlite3"
    return tmp_path / "catalog.sqlite3.verified"


@pytest.fixture
def full(lake):
    """A lake with files of several datasets."""
    lake.flush(post("one"), post("two"), like("at://x/app.bsky.feed.post/y"), delete("z"), account(True))
    return lake
