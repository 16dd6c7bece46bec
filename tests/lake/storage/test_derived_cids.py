"""CIDs that compaction leaves out come back, and a file proves that they are the right ones."""

import json

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.catalog import listing
from lake.compact.compactor import Compactor
from lake.models import BatchRun, DataFile
from lake.schema import DATASETS
from lake.storage import derived_cids, layout
from tests.builders import ALICE, BOB, NOON_US, POST, commit, post
from tests.examples import one_in
from tests.lake.storage.test_record_rebuild import ANY, REF

LIKE, FOLLOW = "app.bsky.feed.like", "app.bsky.graph.follow"
CREATED = st.sampled_from(
    ["2026-07-01T11:59:59.123Z", "2026-07-01T11:59:59Z", "0001-01-01T00:00:00.000Z", "now", None, 5]
)
VIA = st.sampled_from([REF, {"$link": REF["cid"]}, {"x": {"$bytes": "aGk"}}, "text"]) | ANY
RECORDS = st.tuples(st.sampled_from([LIKE, FOLLOW]), CREATED, st.sampled_from([REF, BOB]) | ANY, st.none() | VIA)
HOUR = 3_600_000_000


@pytest.fixture
def compactor(lake_root):
    return Compactor(lake_root, lake_root / layout.SCRATCH, 1, 0, 0, lambda: False)


def record(collection, created, subject, via):
    fields = {"createdAt": created, "subject": subject, "via": via}
    return {"$type": collection, **{key: value for key, value in fields.items() if value is not None}}


def frame(parts, number=0, cid=True):
    raw = commit(parts[0], record(*parts), rkey=f"r{number}", rev=f"v{number}", time_us=NOON_US + number)
    if cid:
        return raw
    event = json.loads(raw)
    event["commit"].pop("cid", None)
    return json.dumps(event).encode()


def sent(frames):
    return {event["commit"]["rkey"]: event["commit"].get("cid") for event in map(json.loads, frames)}


def told(lake):
    return {row["rkey"]: derived_cids.cid(name, row) for name in ("likes", "follows") for row in lake.rows(name)}


PLAIN = (LIKE, "2026-07-01T11:59:59.123Z", REF, None)


def test_those_of_usual_records_are_left_out(lake, compactor):
    frames = [frame(PLAIN, 0), frame((*PLAIN[:3], REF), 1), frame((FOLLOW, PLAIN[1], BOB, None), 2)]
    lake.flush(*frames)
    compactor.round(patient=False)
    assert [row["cid"] for name in ("likes", "follows") for row in lake.rows(name)] == [None] * 3
    assert told(lake) == sent(frames)


def test_one_that_was_wrong_or_missing_is_kept_as_it_was(lake, compactor):
    wrong = frame(PLAIN, 0).replace(b'"cid": "bafyrei', b'"cid": "bafyxxx')
    frames = [wrong, frame(PLAIN, 1, cid=False), frame(PLAIN, 2)]
    lake.flush(*frames)
    compactor.round(patient=False)
    lake.flush(frame(PLAIN, 3), frame(PLAIN, 4, cid=False))
    compactor.round(daily=True, patient=False)
    assert told(lake) == {**sent(frames), "r3": sent([frame(PLAIN, 3)])["r3"], "r4": None}
    assert [row["cid"] is None for row in lake.rows("likes")] == [False, False, True, True, False]


def test_posts_keep_theirs(lake, compactor):
    lake.flush(post("one"))
    (before,) = lake.rows("posts")
    compactor.round(patient=False)
    assert lake.rows("posts") == [before]
    assert derived_cids.cid("posts", before) == before["cid"]


@one_in(20)
@given(parts=st.lists(RECORDS, min_size=1, max_size=25))
def test_whatever_a_record_holds_its_cid_comes_back(lake, compactor, parts):
    for model in (DataFile, BatchRun):
        model.objects.all().delete()
    frames = [frame(part, number) for number, part in enumerate(parts)]
    lake.flush(*frames)
    compactor.round(patient=False)
    assert told(lake) == sent(frames)
    for name in ("likes", "follows"):
        for path in listing.files_of(name).values_list("path", flat=True):
            rows = pq.read_table(lake.root / path, partitioning=None)
            again = dict(
                zip(rows["rkey"].to_pylist(), derived_cids.filled(DATASETS[name], rows)["cid"].to_pylist(), strict=True)
            )
            assert {rkey: text or None for rkey, text in again.items()} == {rkey: sent(frames)[rkey] for rkey in again}
            assert derived_cids.check_group(lake.root / path, DATASETS[name])[1]


def test_a_row_that_was_changed_is_found_out(lake, compactor):
    lake.flush(*(frame(PLAIN, number) for number in range(3)))
    compactor.round(patient=False)
    path = lake.root / DataFile.objects.get().path
    assert derived_cids.check_group(path, DATASETS["likes"]) == (3, True)
    table = pq.read_table(path, partitioning=None)
    subjects = [f"at://{ALICE}/{POST}/other", *table["subject_uri"].to_pylist()[1:]]
    changed = table.set_column(table.schema.get_field_index("subject_uri"), "subject_uri", [subjects])
    notes = pq.read_metadata(path).metadata[derived_cids.METADATA.encode()]
    with pq.ParquetWriter(path, changed.schema) as writer:
        writer.write_table(changed)
        writer.add_key_value_metadata({derived_cids.METADATA: notes})
    assert derived_cids.check_group(path, DATASETS["likes"]) == (3, False)
