"""Walks through all pages against a plain Python reading of the same rows: every order, both clocks, deletes too."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lake.models import DataFile, Tombstone
from lake.query.parser import parse
from lake.query.spec import FIRST_US, LAST_US, Search
from lake.scan import paged_scan
from lake.scan.snapshot import pin_snapshot
from lake.search.reader import Reader
from lake.storage.duckdb_engine import Engine
from process.instants import iso_us, utc
from tests.builders import ALICE, BOB, NOON_US, delete, post

HOUR_US = 3_600_000_000
WORDS = ("lake", "sky")
MOMENTS = st.integers(0, 4).flatmap(lambda hour: st.integers(0, 3).map(lambda us: NOON_US + hour * HOUR_US + us))
CREATED = MOMENTS | st.sampled_from([FIRST_US, LAST_US, NOON_US - 9_000 * HOUR_US, None])
POSTS = st.lists(
    st.tuples(st.sampled_from(WORDS), MOMENTS, st.sampled_from([ALICE, BOB]), CREATED, st.booleans()),
    min_size=1,
    max_size=30,
)
RANGES = st.tuples(st.none() | MOMENTS, st.none() | MOMENTS)
SEARCHES = st.lists(
    st.tuples(
        st.sampled_from(["", *WORDS, "lake sky"]),
        RANGES,
        st.integers(1, 7),
        st.booleans(),
        st.sampled_from(["seen", "created"]),
    ),
    min_size=1,
    max_size=8,
)


def expected(posts, words, start, end, newest, clock):
    """The URIs of all hits in order."""
    rows = [
        (us if clock == "seen" else created, did, f"k{number:02}")
        for number, (text, us, did, created, deleted) in enumerate(posts)
        if not deleted and all(word in text for word in words.split())
    ]
    rows = [row for row in rows if row[0] is not None]
    rows = [row for row in rows if (start is None or row[0] >= start) and (end is None or row[0] < end)]
    return [f"at://{did}/app.bsky.feed.post/{rkey}" for _, did, rkey in sorted(rows, reverse=newest)]


def frames(posts):
    for n, (text, us, did, created, deleted) in enumerate(posts):
        written = "yesterday" if created is None else iso_us(created)
        yield post(text, did=did, rkey=f"k{n:02}", rev=f"r{n:02}", time_us=us, createdAt=written)
        if deleted:
            yield delete(f"k{n:02}", did=did, rev=f"s{n:02}", time_us=NOON_US + 9 * HOUR_US)


@settings(max_examples=6, deadline=None, suppress_health_check=list(HealthCheck))
@given(posts=POSTS, searches=SEARCHES, flushes=st.integers(1, 3))
def test_all_pages_together_are_what_python_finds(lake, lake_root, monkeypatch, posts, searches, flushes):
    monkeypatch.setattr(paged_scan, "FIRST_ROWS", 2)
    DataFile.objects.all().delete()
    Tombstone.objects.all().delete()
    every = list(frames(posts))
    for part in range(flushes):
        lake.flush(*every[part::flushes])
    reader = Reader(Engine("300MB", 1), lake_root)
    for words, (start, end), limit, newest, clock in searches:
        search = Search(
            parse(words), start=start and utc(start), end=end and utc(end), clock=clock, newest=newest, timeout=60
        )
        must_agree(reader, search, expected(posts, words, start, end, newest, clock), limit)


def must_agree(reader, search, uris, limit):
    search, start, walked = pin_snapshot(search), None, []
    while True:
        page = reader.find(search, limit, start=start)
        assert page.complete
        assert page.total in (None, len(uris))
        walked += [hit.uri for hit in page.hits]
        if page.next is None:
            break
        start = page.next
    assert walked == uris
    assert reader.full_scan.count(search, 60) == (len(uris), "eq")
    skipped = [hit.uri for offset in range(0, len(uris), limit) for hit in reader.find(search, limit, offset).hits]
    assert skipped == uris


@pytest.mark.parametrize("newest", [True, False])
def test_moments_are_kept_to_the_microsecond_over_all_years(newest):
    for moment in (
        datetime(1, 1, 1, tzinfo=UTC),
        datetime.max.replace(tzinfo=UTC),
        datetime(2026, 7, 1, 1, 2, 3, 4, UTC),
    ):
        search = Search(start=moment, end=moment, newest=newest)
        first, last = search.span()
        assert utc(first) == moment
        assert last == first - 1
        assert search.positions() == ((first, last) if newest else (-last, -first))
