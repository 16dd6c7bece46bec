"""Typed rows: type mismatches, and the hours that they belong to. What the columns hold is in test_hostile_input.py."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.flush.dataset_rows import by_hour, seen_us
from lake.models import BatchRun
from tests.builders import ALICE, POST, account, commit, frame, post

HOUR_US = 3_600_000_000
TIMES = st.integers(1_640_995_200_000_000, 1_640_995_200_000_000 + 5 * HOUR_US)


@given(st.lists(TIMES, max_size=9))
def test_every_row_is_in_its_hour(times):
    hours = by_hour(pa.table({"seen": pa.array(times, pa.timestamp("us"))}))
    for hour, part in hours.items():
        assert hour == datetime.fromtimestamp(seen_us(part)[0].as_py() // HOUR_US * 3600, UTC)
        assert all(0 <= us - hour.timestamp() * 1e6 < HOUR_US for us in seen_us(part).to_pylist())
    assert sorted(us for part in hours.values() for us in seen_us(part).to_pylist()) == sorted(times)
    assert all(hour.utcoffset() == timedelta(0) for hour in hours)


@pytest.mark.parametrize(
    ("raw", "mismatches"),
    [
        (post("plain"), 0),
        (post("more than the lexicon", via="a client"), 0),
        (post("a moment in another form", createdAt="2026-07-01T11:59:59Z"), 0),
        (post(5), 1),
        (post(createdAt=5), 1),
        (post(langs="en", reply=[]), 1),
        (commit(POST, [1]), 1),
        (commit("app.bsky.feed.like", {"$type": "app.bsky.feed.like", "subject": "text"}), 1),
        (commit("a.b.c", {"text": 5}), 0),
        (account(True), 0),
        (frame("account", {"did": ALICE, "active": "yes", "seq": 1}), 1),
    ],
)
def test_a_record_with_a_key_of_another_type_than_its_column_is_counted(lake, raw, mismatches):
    lake.flush(raw)
    assert BatchRun.objects.get().misfits == mismatches


@pytest.mark.parametrize(
    ("claimed", "created"),
    [
        ("2026-07-01T23:59:59.999Z", "2026-07-01 23:59:59.999000"),
        ("2026-07-01T24:00:00.000Z", None),
        ("2026-07-01T24:00:00+02:00", None),
        ("2026-07-01T20:00:00+02:00", "2026-07-01 18:00:00"),
    ],
)
def test_a_day_has_no_hour_24(lake, claimed, created):
    lake.flush(post(createdAt=claimed))
    (row,) = lake.rows("posts")
    assert (row["created_at"] and str(row["created_at"])) == created
