"""The comparison finds what is lost, foreign, twice, or shown though it is gone: made wrong on purpose."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.db import connection

from tests.builders import ALICE, BOB, NOON_US, account, delete, identity, like, post
from tests.end_to_end import comparison
from tests.end_to_end.stream import frames_of, world
from tests.load.running.comparing import compare, differ

POST = "app.bsky.feed.post"
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
    like(f"at://{ALICE}/{POST}/kept"),
]
SHOWN = [f"at://{ALICE}/{POST}/{rkey}" for rkey in ("kept", "again", "edited")]
RIGHT = {
    "lake": {"events": 10, "rows": 10, "lost": 0, "foreign": 0, "twice": 0, "other_text": 0},
    "posts": {"expected": 3, "shown": 3, "not_shown": 0, "shown_though_gone": 0, "shown_twice": 0},
}


class Listed:
    """What the comparison asks of an evidence.Lake."""

    def __init__(self, lake):
        self.root = lake.root

    def ask(self, sql, *values):
        with connection.cursor() as cursor:
            cursor.execute(sql.replace("?", "%s"), values)
            return cursor.fetchall()


@pytest.fixture
def compared(lake, tmp_path):
    """Compares the lake with a log of these frames, and these ids with what it leaves of posts."""
    folders = iter(range(100))

    def ask(frames, ids=SHOWN):
        folder = tmp_path / str(next(folders))
        folder.mkdir()
        (folder / "log.ndjson").write_bytes(b"".join(frame + b"\n" for frame in frames))
        pq.write_table(pa.table({"id": pa.array(ids, pa.string())}), folder / "posts.parquet")
        return compare(folder / "log.ndjson", Listed(lake), folder / "posts.parquet", folder)

    return ask


def test_events_of_all_kinds_are_the_rows_of_the_lake(lake, compared):
    frames = frames_of(world(300))
    lake.flush(*frames)
    assert compared(frames)["lake"] == RIGHT["lake"] | {"events": 300, "rows": 300}


def test_what_differs_is_counted_by_how(lake, compared, monkeypatch):
    lake.flush(*FRAMES)
    assert compared(FRAMES) == RIGHT
    assert not differ(RIGHT)
    assert compared([*FRAMES, identity(did=BOB)])["lake"]["lost"] == 1
    for number in (0, 2, 8, 9):  # a post, a delete, an account event, a like
        assert compared(FRAMES[:number] + FRAMES[number + 1 :])["lake"]["foreign"] == 1
    files = comparison._files
    monkeypatch.setattr(comparison, "_files", lambda *asked: files(*asked) * (2 if asked[1] == "likes" else 1))
    assert compared(FRAMES)["lake"] == RIGHT["lake"] | {"rows": 11, "twice": 1}


def test_another_text_is_seen(lake, compared):
    lake.flush(*FRAMES)
    other = [frame.replace(b'"text": "kept"', b'"text": "kepT"') for frame in FRAMES]
    assert other != FRAMES
    assert compared(other)["lake"] == RIGHT["lake"] | {"other_text": 1}
    assert differ(compared(other))


def test_a_row_of_an_hour_that_the_log_does_not_have_is_foreign(lake, compared):
    lake.flush(*FRAMES, post("later", time_us=NOON_US + 3_600_000_000 * 5))
    assert compared(FRAMES)["lake"]["foreign"] == 1


@pytest.mark.parametrize(
    ("ids", "wrong"),
    [
        (SHOWN[1:], {"shown": 2, "not_shown": 1}),
        ([*SHOWN, SHOWN[0]], {"shown": 4, "shown_twice": 1}),
        ([*SHOWN, f"at://{ALICE}/{POST}/gone"], {"shown": 4, "shown_though_gone": 1}),
        ([*SHOWN, f"at://{BOB}/{POST}/away"], {"shown": 4, "shown_though_gone": 1}),
    ],
)
def test_what_shows_wrongly_is_counted(lake, compared, ids, wrong):
    lake.flush(*FRAMES)
    found = compared(FRAMES, ids)
    assert found["posts"] == RIGHT["posts"] | wrong
    assert differ(found)
