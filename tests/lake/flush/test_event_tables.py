"""Entries as Arrow tables: every event in the table of its dataset, as `read` understands it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.buffer.entries import Entries
from ingest.events import EARLIEST_TIME_US, read
from lake.flush import event_tables
from lake.flush.event_tables import AHEAD_US, COMMIT_COLUMNS, load
from lake.schema import DATASETS, FLUSHED
from lake.storage.duckdb_engine import Unreadable
from tests.builders import ALICE, NOON_US, account, commit, delete, identity, post

INGESTED_MS = NOON_US // 1000


def entries(*frames, ids=None):
    ids = ids or [b"%d-%d" % (INGESTED_MS, number) for number in range(len(frames))]
    return Entries(ids, list(frames), [b""] * len(frames))


def loaded(*frames, ids=None):
    """All rows, as dicts with their dataset, in the order of their n."""
    rows = [
        {**row, "dataset": name, "seen": seen}
        for name, table in load(entries(*frames, ids=ids)).items()
        for row, seen in zip(
            table.drop_columns("seen").to_pylist(), table["seen"].cast("int64").to_pylist(), strict=True
        )
    ]
    return sorted(rows, key=lambda row: row["n"])


TEXTS = st.text('aé\0😀"\\', max_size=4)
BODIES = st.dictionaries(TEXTS, TEXTS | st.integers() | st.none(), max_size=3)
COLLECTIONS = st.sampled_from([*(d.collection for d in DATASETS.values() if d.collection), "a.b.c", ""])
FRAMES = st.one_of(
    st.builds(commit, COLLECTIONS, BODIES, st.sampled_from(["create", "update"]), did=TEXTS, rkey=TEXTS, rev=TEXTS),
    st.builds(delete, TEXTS, COLLECTIONS, did=TEXTS, rev=TEXTS),
    st.builds(identity, TEXTS, did=TEXTS),
    st.builds(account, st.booleans(), did=TEXTS),
)


@given(st.lists(FRAMES, max_size=12), st.integers(1, 5))
def test_a_row_says_what_its_event_says(frames, part):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(event_tables, "PART", part)
        rows = loaded(*frames)
    assert [row["n"] for row in rows] == list(range(len(frames)))
    for row, event in zip(rows, map(read, frames), strict=True):
        assert (row["did"], row["body"].encode()) == (event.did, bytes(event.body))
        assert (row["seen"], row["impossible_time_us"]) == (event.time_us, None)
        assert row["kind"] == (None if event.commit else event.kind)
        assert [row[name] for name in COMMIT_COLUMNS] == [getattr(event.commit, name, None) for name in COMMIT_COLUMNS]


def test_each_event_has_its_dataset():
    collections = {DATASETS[name].collection: name for name in FLUSHED if DATASETS[name].collection}
    frames = [commit(collection, {}) for collection in [*collections, "a.b.c", "app.bsky.feed.POST"]]
    frames += [delete("r"), delete("r", "a.b.c"), account(True), identity()]
    expected = [*collections.values(), "records", "records", "deletes", "deletes", "accounts", "accounts"]
    assert [row["dataset"] for row in loaded(*frames)] == expected


def test_a_batch_without_entries_has_all_tables():
    tables = load(entries())
    assert {name: table.num_rows for name, table in tables.items()} == dict.fromkeys(FLUSHED, 0)


FIRST_MS, LAST_MS = INGESTED_MS, INGESTED_MS + 7_200_000
EDGES = [
    (EARLIEST_TIME_US, FIRST_MS, True),
    (EARLIEST_TIME_US - 1, FIRST_MS, False),
    (FIRST_MS * 1000 + AHEAD_US, FIRST_MS, True),
    (FIRST_MS * 1000 + AHEAD_US + 1, FIRST_MS, False),
    (FIRST_MS * 1000 + AHEAD_US + 1, LAST_MS, True),
    (LAST_MS * 1000 + AHEAD_US + 1, LAST_MS, False),
    (2**63, LAST_MS, False),
    (-(10**30), LAST_MS, False),
]


def test_an_impossible_time_is_kept_as_text_and_seen_is_the_ingest_time():
    """More than an hour ahead of the event's own ingest time, or before 2022."""
    frames = [post(time_us=time_us) for time_us, _, _ in EDGES]
    rows = loaded(*frames, ids=[b"%d-%d" % (ms, number) for number, (_, ms, _) in enumerate(EDGES)])
    for row, (time_us, ms, possible) in zip(rows, EDGES, strict=True):
        expected = (time_us, None) if possible else (ms * 1000, str(time_us))
        assert (row["seen"], row["impossible_time_us"]) == expected


def test_what_is_no_event_is_refused():
    with pytest.raises(Unreadable, match="malformed"):
        loaded(post(), json.dumps({"did": ALICE, "time_us": 1, "kind": "commit"}).encode(), b"junk")
