"""Timelines, what occurs most, lookups by URI, stats and coverage over real files."""

from collections import Counter
from datetime import timedelta

import pytest

from ingest.models import Connection
from lake.catalog.coverage import MINUTE, coverage, gaps_between
from lake.catalog.figures import stats
from lake.query.parser import parse
from lake.query.spec import Search
from lake.search.aggregates import Bucket, timeline, top
from lake.search.by_uri import look_up, parse_post_uri, tid_us
from lake.search.reader import Reader
from lake.storage.duckdb_engine import Engine
from process.instants import utc
from tests.builders import ALICE, BOB, NOON_US, account, delete, like, post, tid

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
NOON = utc(NOON_US)


@pytest.fixture
def reader(lake_root):
    return Reader(Engine("500MB", 2, fence=lake_root), lake_root)


def uri(rkey, did=ALICE):
    return f"at://{did}/app.bsky.feed.post/{rkey}"


def test_a_timeline_counts_hits_beside_all_posts(lake, reader):
    lake.flush(
        *(post("lake" if n % 2 else "sky", rkey=f"k{n}", time_us=NOON_US + n * 20 * SECOND_US) for n in range(6)),
        post("lake", time_us=NOON_US + 65 * MINUTE_US),
    )
    lake.flush(delete("k1", time_us=NOON_US + 70 * MINUTE_US))
    search = Search(parse("lake"), timeout=60)
    assert timeline(reader.full_scan, search, "minute") == [
        Bucket(NOON_US, 0, 2),
        Bucket(NOON_US + MINUTE_US, 2, 3),
        Bucket(NOON_US + 65 * MINUTE_US, 1, 1),
    ]
    assert timeline(reader.full_scan, search, "hour") == [Bucket(NOON_US, 2, 5), Bucket(NOON_US + 60 * MINUTE_US, 1, 1)]
    midnight = NOON_US - 12 * 60 * MINUTE_US
    assert timeline(reader.full_scan, search, "day") == [Bucket(midnight, 3, 6)]
    assert timeline(reader.full_scan, search, "week") == [Bucket(midnight - 2 * 24 * 60 * MINUTE_US, 3, 6)]  # a Monday
    assert timeline(reader.full_scan, Search(timeout=60), "day") == [Bucket(midnight, 6, 6)]


LANGS = [["en"], ["pt"], ["pt-BR", "en"], ["de"], []]


@pytest.mark.parametrize(
    ("query", "is_counted"),
    [
        ("lang:pt lake", lambda langs: {"pt", "pt-BR"} & set(langs)),
        ("lake lang:en -lang:pt", lambda langs: "en" in langs and not {"pt", "pt-BR"} & set(langs)),
        ("(lang:en OR lang:de) lake", lambda langs: {"en", "de"} & set(langs)),
        ("lang:en", lambda langs: "en" in langs),
        ("lake OR lang:en", lambda langs: True),
    ],
)
def test_a_timeline_of_a_language_counts_all_rows_in_it(lake, reader, query, is_counted):
    rows = [
        (langs, f"{'lake' if n % 3 else 'sky'} {n}", minute)
        for minute in (0, 2)
        for n, langs in enumerate(LANGS * 3 if minute else LANGS)
    ]
    lake.flush(
        *(
            post(text, rkey=f"k{n}", langs=langs, time_us=NOON_US + minute * MINUTE_US + n)
            for n, (langs, text, minute) in enumerate(rows)
        )
    )
    counted = Counter(NOON_US + minute * MINUTE_US for langs, _, minute in rows if is_counted(langs))
    found = timeline(reader.full_scan, Search(parse(query), timeout=60), "minute", "lang")
    assert {bucket.start_us: bucket.all for bucket in found} == dict(counted)
    assert all(bucket.hits <= bucket.all for bucket in found)


def test_what_occurs_most_counts_a_post_once(lake, reader):
    lake.flush(
        post("#Lake #lake", langs=["en", "en"]), post("#lake #sky", did=BOB, langs=["de"]), post("no tag", langs=["en"])
    )
    every = Search(timeout=60)
    assert top(reader.full_scan, every, "hashtags", 10)[:2] == ([("lake", 2), ("sky", 1)], 2)
    assert top(reader.full_scan, every, "hashtags", 1)[:2] == ([("lake", 2)], 2)
    assert top(reader.full_scan, every, "authors", 10)[:2] == ([(ALICE, 2), (BOB, 1)], 2)
    assert top(reader.full_scan, every, "languages", 10)[:2] == ([("en", 2), ("de", 1)], 2)
    assert top(reader.full_scan, every, "domains", 10)[:2] == ([], 0)


def test_a_lookup_says_what_each_uri_is_today(lake, reader):
    old = tid(NOON_US - 3600 * SECOND_US * 24 * 900)
    lake.flush(
        post("here", rkey=tid(NOON_US), time_us=NOON_US, rev="a"),
        post("gone", rkey="gone", time_us=NOON_US, rev="a"),
        post("imported", rkey=old, time_us=NOON_US, rev="a"),
        post("hers", rkey="hers", did=BOB, time_us=NOON_US, rev="a"),
        post("first", rkey="twice", time_us=NOON_US, rev="a"),
    )
    lake.flush(
        post("second", "update", rkey="twice", time_us=NOON_US + 1, rev="b"),
        delete("gone", time_us=NOON_US + 1, rev="b"),
        delete("never seen", time_us=NOON_US + 1, rev="b"),
        account(False, "deactivated", did=BOB),
    )
    asked = [
        uri(tid(NOON_US)),
        uri("gone"),
        uri(old),
        uri("hers", BOB),
        uri("twice"),
        uri("never seen"[:5]),
        uri("nobody"),
    ]
    found = look_up(reader.scanner, asked, 60)
    assert [hit.fields["text"] for hit in found.hits] == ["here", "imported", "second"]
    assert found.deleted == [uri("gone")]
    assert found.hidden == {uri("hers", BOB): "deactivated"}
    assert found.unknown == [uri("never"), uri("nobody")]
    assert found.complete


def test_a_delete_of_a_post_that_was_never_seen_is_known(lake, reader):
    lake.flush(delete("before", time_us=NOON_US))
    assert look_up(reader.scanner, [uri("before")], 60).deleted == [uri("before")]


def test_a_post_that_was_edited_long_after_its_key_was_made_is_found(lake, reader):
    key = tid(NOON_US)
    lake.flush(post("first", rkey=key, time_us=NOON_US, rev="a"))
    lake.flush(post("second", "update", rkey=key, time_us=NOON_US + 5 * 3600 * SECOND_US, rev="b"))
    assert [hit.fields["text"] for hit in look_up(reader.scanner, [uri(key)], 60).hits] == ["second"]


def test_a_lookup_without_time_says_that_it_is_not_complete(lake, reader):
    lake.flush(post("here", rkey="here"), delete("gone"))
    found = look_up(reader.scanner, [uri("here")], 0)
    assert (found.complete, found.unknown) == (False, [uri("here")])


@pytest.mark.parametrize("text", ["", "at://x", f"at://{ALICE}/app.bsky.feed.like/a", f"{uri('a')}\n", uri("")])
def test_what_is_no_uri_of_a_post_is_refused(text):
    with pytest.raises(ValueError):
        parse_post_uri(text)


def test_a_tid_tells_its_time():
    assert tid_us(tid(NOON_US)) == NOON_US
    assert tid_us("self") is None


def test_stats_tell_rows_of_each_dataset_and_day_from_the_catalog_alone(lake, lake_root):
    lake.flush(post("a", time_us=NOON_US), post("b", time_us=NOON_US + 1), like(uri("a")))
    lake.flush(post("c", time_us=NOON_US + 24 * 60 * MINUTE_US))
    for path in lake_root.rglob("*.parquet"):
        path.unlink()
    found = stats()
    assert found["datasets"]["posts"]["rows"] == 3
    assert found["datasets"]["posts"]["oldest"] == NOON
    days = {day["day"]: {name: of["rows"] for name, of in day["datasets"].items()} for day in found["days"]}
    assert days == {"2026-07-02": {"posts": 1}, "2026-07-01": {"posts": 2, "likes": 1}}
    assert list(stats(NOON + timedelta(days=1))["datasets"]) == ["posts"]


def test_coverage_names_gaps_and_why(lake):
    lake.flush(post("a", time_us=NOON_US), post("b", time_us=NOON_US + 70 * SECOND_US))
    lake.flush(post("c", time_us=NOON_US + 10 * MINUTE_US))
    Connection.objects.create(
        host="wss://one.example",
        opened_at=NOON,
        saved_at=NOON,
        closed_at=NOON + 2 * MINUTE,
        why_closed="the host went away",
    )
    found = coverage()
    assert (found["start"], found["end"]) == ("2026-07-01T12:00:00Z", "2026-07-01T12:11:00Z")
    assert (found["minutes"], found["minutes_with_data"], found["events"]) == (11, 3, 3)
    (gap,) = found["gaps"]
    assert (gap["start"], gap["end"], gap["minutes"]) == ("2026-07-01T12:02:00Z", "2026-07-01T12:10:00Z", 8)
    assert gap["why"] == "connection closed (wss://one.example: the host went away)"
    Connection.objects.all().delete()
    assert coverage()["gaps"][0]["why"] == "no connection to a host is recorded for this time"
    part = coverage(NOON + 3 * MINUTE, NOON + 5 * MINUTE)
    assert (part["minutes"], part["minutes_with_data"], part["gaps_total"]) == (2, 0, 1)
    assert coverage(NOON + timedelta(days=1))["minutes"] == 0


def test_an_empty_lake_covers_nothing(db):
    assert (coverage()["minutes"], coverage()["gaps"], coverage()["start"]) == (0, [], None)


def test_missing_minutes_are_joined_to_gaps():
    def at(minute):
        return NOON + minute * MINUTE

    assert gaps_between(at(0), at(5), [at(1), at(2)]) == [(at(0), at(1)), (at(3), at(5))]
    assert gaps_between(at(0), at(2), [at(0), at(1), at(7)]) == []
