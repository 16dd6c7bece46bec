"""The oracle finds what is lost, foreign, twice, or shown though it is gone: made wrong on purpose."""

from contextlib import closing

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake.models import DataFile
from tests.builders import ALICE, BOB, account, delete, identity, like, post
from tests.end_to_end.stream import frames_of, world
from tests.load.running.comparing import Comparison

FRAMES = [
    post("kept", rkey="kept", rev="a"),
    post("gone", rkey="gone", rev="a"),
    delete("gone", rev="b"),
    delete("again", rev="a"),
    post("again", rkey="again", rev="b"),
    post("old", rkey="edited", rev="a"),
    post("new", "update", rkey="edited", rev="b"),
    post("away", did=BOB, rkey="away", rev="a"),
    account(active=False, status="deactivated", did=BOB),
    like(f"at://{ALICE}/app.bsky.feed.post/kept"),
]
SHOWN = [f"at://{ALICE}/app.bsky.feed.post/{rkey}" for rkey in ("kept", "again", "edited")]


class Listed:
    """What the comparison asks of an evidence.Lake."""

    def __init__(self, lake):
        self.root = lake.root

    def listed(self):
        return list(DataFile.listed.values_list("dataset", "path"))


@pytest.fixture
def compared(lake, tmp_path):
    """Compares the lake with a log of these frames."""

    def ask(frames):
        (tmp_path / "log.ndjson").write_bytes(b"".join(frame + b"\n" for frame in frames))
        with closing(Comparison(tmp_path / "log.ndjson", tmp_path)) as comparison:
            return comparison.with_lake(Listed(lake))

    return ask


def export(path, ids):
    pq.write_table(pa.table({"id": pa.array(ids, pa.string())}), path)
    return path


def test_events_of_all_kinds_are_the_rows_of_the_lake(lake, compared):
    frames = frames_of(world(300))
    lake.flush(*frames)
    nothing = {"lost": 0, "foreign": 0, "twice": 0, "twice_in_log": 0}
    assert compared(frames) == {"events": 300, "rows": 300, **nothing}


def test_what_differs_is_counted_by_how(lake, compared, monkeypatch):
    lake.flush(*FRAMES)
    assert compared([*FRAMES, identity(did=BOB)])["lost"] == 1
    for number in (0, 2, 8, 9):  # a post, a delete, an account event, a like
        assert compared(FRAMES[:number] + FRAMES[number + 1 :])["foreign"] == 1
    assert compared([*FRAMES, FRAMES[0]])["twice_in_log"] == 1
    listed = Listed(lake).listed()
    monkeypatch.setattr(Listed, "listed", lambda self: [*listed, *(row for row in listed if row[0] == "likes")])
    assert compared(FRAMES)["twice"] == 1


def test_the_posts_that_show_are_those_that_the_log_leaves(tmp_path):
    dump = tmp_path / "log.ndjson"
    dump.write_bytes(b"".join(frame + b"\n" for frame in FRAMES))
    right = {"expected": 3, "not_shown": 0, "shown_though_gone": 0, "shown_twice": 0}
    with closing(Comparison(dump, tmp_path)) as comparison:
        for ids, wrong in (
            (SHOWN, {}),
            (SHOWN[1:], {"not_shown": 1}),
            ([*SHOWN, SHOWN[0]], {"shown_twice": 1}),
            ([*SHOWN, f"at://{ALICE}/app.bsky.feed.post/gone"], {"shown_though_gone": 1}),
            ([*SHOWN, f"at://{BOB}/app.bsky.feed.post/away"], {"shown_though_gone": 1}),
        ):
            found = comparison.with_export(export(tmp_path / "posts.parquet", ids))
            assert found == right | {"shown": len(ids)} | wrong
