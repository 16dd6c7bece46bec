"""The rows that benches measure with are what the lake would hold, and hide what they say they hide."""

import json
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake.schema import DATASETS
from lake.storage.parquet_writer import schema
from tests.bench import months
from tests.bench.months import Months, write_hour
from tests.bench.months_needles import ALONE, AUTHOR, NEEDLES, PHRASE
from tests.bench.months_rows import HOUR_US, Hour, table
from tests.builders import NOON_US, POST, commit

COUNT = 3_000


def hour(first=0, count=COUNT, number=0):
    return Hour(number, NOON_US + number * HOUR_US, first, count, 146_000, 1_000)


@pytest.fixture(scope="module")
def rows():
    """With their times as microseconds."""
    return table(hour(), 1).to_pylist()


def test_the_same_hour_has_the_same_rows():
    few = table(hour(count=300), 1)
    assert few == table(hour(count=300), 1)
    assert few != table(hour(count=300), 2)
    assert few["text"] != table(hour(count=300, number=1), 1)["text"]


def test_rows_are_in_the_order_of_seen_and_have_the_columns_of_posts(rows):
    seen = [row["seen"] for row in rows]
    assert seen == sorted(set(seen))
    assert NOON_US <= seen[0]
    assert seen[-1] < NOON_US + HOUR_US
    assert table(hour(), 1).cast(schema(DATASETS["posts"])).num_rows == COUNT
    assert len({(row["did"], row["rkey"]) for row in rows}) == COUNT


def record(row):
    """What its author's client would have sent."""
    created = datetime.fromtimestamp(row["created_at"] // 1000 / 1000, UTC).isoformat("T", "milliseconds")
    record = {"$type": POST, "createdAt": created.replace("+00:00", "Z"), "text": row["text"], "langs": row["langs"]}
    record |= {name: row[name] and json.loads(row[name]) for name in ("embed", "facets", "labels")}
    if row["reply_root_uri"]:
        record["reply"] = {
            end: {"cid": row[f"reply_{end}_cid"], "uri": row[f"reply_{end}_uri"]} for end in ("parent", "root")
        }
    return {name: value for name, value in record.items() if value is not None}


def test_the_flusher_would_make_the_same_rows(rows, lake):
    lake.flush(*(commit(POST, record(row), "create", row["did"], row["seen"], row["rkey"], row["rev"]) for row in rows))
    ours = {(row["did"], row["rkey"]): row for row in rows}
    found = lake.rows("posts")
    assert len(found) == COUNT
    for row in found:
        wanted = ours[row["did"], row["rkey"]]
        for name in DATASETS["posts"].names:
            if name not in ("seen", "cid", "created_at", "extra"):
                assert comparable(row[name]) == comparable(wanted[name]), (name, row["text"])


def comparable(value):
    return sorted(value) if isinstance(value, list) else value


def test_facets_cover_what_they_are_of(rows):
    signs = {"tag": "#", "mention": "@"}
    for row in rows:
        for facet in json.loads(row["facets"] or "[]"):
            covered = row["text"].encode()[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode()
            (feature,) = facet["features"]
            kind = feature["$type"].removeprefix("app.bsky.richtext.facet#")
            assert covered.startswith(signs.get(kind, feature.get("uri", "")[8:30]))


@pytest.mark.parametrize("needle", NEEDLES, ids=lambda needle: needle.name)
def test_needles_are_where_they_are_said_to_be_and_nowhere_else(needle):
    first = needle.at - COUNT // 2
    texts = table(hour(first), 1)["text"].to_pylist()
    word = needle.query.strip('"').casefold()
    found = {first + place for place, text in enumerate(texts) if word in text.casefold()}
    holding = [needle, PHRASE] if needle in ALONE else [needle]
    assert found == {number for one in holding for number in one.places(first, first + COUNT)}
    assert needle.at in found
    assert len(needle.places(0, first + COUNT)) == needle.count(first + COUNT)


def test_the_author_has_one_post_of_so_many(rows):
    assert [number for number, row in enumerate(rows) if row["did"] == AUTHOR] == [0, 1_000, 2_000]


@pytest.mark.parametrize("posts", [1, 1_000, 23_999, 24_000, 100_001])
def test_hours_follow_each_other_and_hold_all_posts(posts):
    months = Months(posts, per_day=24_000)
    hours = months.hours()
    assert [hour.number for hour in hours] == list(range(len(hours)))
    assert [hour.first for hour in hours] == [sum(h.posts for h in hours[:n]) for n in range(len(hours))]
    assert sum(hour.posts for hour in hours) == posts
    assert all(hour.posts == hour.full for hour in hours[:-1])
    assert len(hours) == -(-posts // 1_000) or len(hours) in range(posts // 1_400, posts // 600 + 2)


def test_a_file_is_one_that_compaction_could_have_left(tmp_path):
    pending = write_hour((str(tmp_path), hour(), 1))
    pending.publish()
    path = tmp_path / pending.path
    assert path.match("posts/year=2026/month=*/day=*/hour=*/c-*.parquet")
    assert pending.rows == pq.read_metadata(path).num_rows == COUNT
    assert pq.ParquetFile(path).read().cast(pa.schema(schema(DATASETS["posts"]))).num_rows == COUNT


def test_a_fresh_clone_has_no_folder_for_it_yet(tmp_path, monkeypatch):
    monkeypatch.setattr(months, "FOLDER", tmp_path / "var" / "bench")
    with pytest.raises(SystemExit, match="make room"):
        months.made(Months(10**15))
