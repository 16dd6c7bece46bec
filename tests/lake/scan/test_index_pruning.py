"""With and without indexes the answers are the same."""

import time
from itertools import chain

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lake.catalog.listing import files_of
from lake.compact.indexed_posts import read_posts
from lake.errors import QueryTimeout
from lake.models import DataFile, IndexFile, Tombstone
from lake.query.parser import parse
from lake.query.spec import Search
from lake.scan import index_pruning, narrowing, paged_scan
from lake.scan.scan_range import ScanFile
from lake.search import candidates
from lake.search import reader as search_module
from lake.search.reader import Reader
from lake.storage import layout
from lake.storage.duckdb_engine import Engine
from lake.textindex import builder
from lake.textindex.lookup import TextIndex
from process.instants import utc
from tests.builders import ALICE, BOB, NOON_US, delete, post

HOUR_US = 3_600_000_000
WORDS = ["lake", "lakeside", "Straße", "東京の湖", "京都", "湖", "ΛΊΜΝΗ", "ice 🏔️ cream", "100%", "a", "İzmir"]
QUERIES = [
    "lake",
    "akesi",
    '"e s"',
    "京",
    "東京",
    "湖 lake",
    "lake OR ice",
    "-lake",
    "λίμνη",
    "l*e",
    "from:did:plc:b",
    "0%",
]
POSTS = st.lists(
    st.tuples(
        st.lists(st.sampled_from(WORDS), max_size=3).map(" ".join), st.integers(0, 3), st.sampled_from([ALICE, BOB])
    ),
    min_size=1,
    max_size=30,
)


@pytest.fixture
def eager(monkeypatch):
    """Indexes are asked from the first row on, and followed however many rows they leave."""
    monkeypatch.setattr(paged_scan, "FIRST_ROWS", 1)
    monkeypatch.setattr(index_pruning, "USELESS", 1.0)
    monkeypatch.setattr(index_pruning, "STORED_COST", 0)
    monkeypatch.setattr(index_pruning, "COUNTED_COST", 0)
    monkeypatch.setattr(narrowing, "AT_ONCE", 2)


def build(lake, hours):
    """One index over the files of each of these hours."""
    for number in hours:
        files = list(files_of("posts").filter(hour=layout.hour_of(NOON_US + number * HOUR_US)).order_by("pk"))
        if not files:
            continue
        path = f"index-{number}"
        texts = chain.from_iterable(read_posts(lake.engine, lake.root / file.path) for file in files)
        built = builder.build(texts, lake.root / path)
        hour = files[0].hour
        IndexFile.objects.create(
            path=path,
            start=hour,
            end=utc(NOON_US + (number + 1) * HOUR_US),
            files=[file.path for file in files],
            rows=built.rows,
            bytes=built.bytes,
            sha256=built.sha256,
        )


def answers(reader, query, newest, clock):
    """All pages of three, and the count."""
    search = Search(parse(query), newest=newest, clock=clock, timeout=60)
    page = reader.find(search, 3)
    uris = [hit.uri for hit in page.hits]
    while page.next:
        page = reader.find(search, 3, start=page.next)
        uris += [hit.uri for hit in page.hits]
    return uris, reader.full_scan.count(search, 60)


@settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    posts=POSTS,
    indexed=st.sets(st.integers(0, 3)),
    newest=st.booleans(),
    clock=st.sampled_from(["seen", "created"]),
    fewest=st.integers(1, 5),
    compacted=st.booleans(),
)
def test_an_index_changes_no_answer(
    lake, lake_root, eager, monkeypatch, posts, indexed, newest, clock, fewest, compacted
):
    """Posts come in twos and threes of the same time. Only compacted files have their rows in the order of time."""
    monkeypatch.setattr(candidates, "FEWEST_PICKS", fewest)
    monkeypatch.setattr(search_module, "SPARE", 0)
    for model in (DataFile, Tombstone, IndexFile):
        model.objects.all().delete()
    index_pruning.open_index.cache_clear()
    frames = [
        post(text, did=did, rkey=f"k{n:02}", rev=f"r{n:02}", time_us=NOON_US + hour * HOUR_US + n // 5)
        for n, (text, hour, did) in enumerate(posts)
    ]
    monkeypatch.setattr(ScanFile, "in_order", compacted)
    if not compacted:
        frames = frames[::3] + frames[1::3] + frames[2::3][::-1]
    lake.flush(*frames[::2])
    lake.flush(*frames[1::2], delete("k03", time_us=NOON_US + 9 * HOUR_US, rev="s"))
    build(lake, indexed)
    reader = Reader(Engine("300MB", 1), lake_root)
    with_index = [answers(reader, query, newest, clock) for query in QUERIES]
    IndexFile.objects.all().delete()
    assert with_index == [answers(reader, query, newest, clock) for query in QUERIES]


@pytest.fixture
def indexed(lake, lake_root, eager):
    index_pruning.open_index.cache_clear()
    for hour in range(3):
        lake.flush(*(post(f"hour{hour} number{n}", time_us=NOON_US + hour * HOUR_US + n) for n in range(20)))
    build(lake, range(3))
    return Reader(Engine("300MB", 1), lake_root)


def test_files_without_a_candidate_are_not_even_opened(indexed, lake_root):
    for path in lake_root.glob("posts/**/hour=1[34]/*.parquet"):
        path.unlink()
    page = indexed.find(Search(parse("hour0"), newest=False, timeout=60), 20)
    assert len(page.hits) == 20
    assert indexed.full_scan.count(Search(parse("hour0 number7"), timeout=60), 60) == (1, "eq")


@pytest.mark.parametrize("harm", ["missing", "damaged", "empty", "stored posts"])
def test_an_index_that_can_not_be_read_means_a_scan_and_a_line_in_the_log(indexed, lake_root, harm, caplog):
    path = lake_root / "index-1"
    data = path.read_bytes()
    path.unlink()
    if harm != "missing":
        place = 20 if harm == "stored posts" else len(data) // 2  # they are at the beginning
        path.write_bytes(b"" if harm == "empty" else data[:place] + b"\xff" * 40 + data[place + 40 :])
    for query in ("hour1 number7", "number7"):
        assert len(indexed.find(Search(parse(query), timeout=60), 20).hits) == query.count("number") * (
            3 if query == "number7" else 1
        )
    assert "index can't be read" in caplog.text


def test_an_index_of_files_that_are_no_longer_listed_is_not_asked(indexed, lake):
    file = files_of("posts").order_by("hour").first()
    IndexFile.objects.filter(path="index-0").update(files=["posts/gone.parquet", file.path])
    assert len(indexed.find(Search(parse("hour0"), timeout=60), 20).hits) == 20


def test_an_index_that_has_lost_a_file_is_believed_before_that_one_only(indexed):
    _, second, _ = files_of("posts").order_by("hour").values_list("path", flat=True)
    IndexFile.objects.filter(path="index-1").delete()
    IndexFile.objects.filter(path="index-0").update(files=["posts/gone.parquet", second])
    assert len(indexed.find(Search(parse("hour1"), timeout=60), 20).hits) == 20


def test_the_time_that_picking_rows_takes_is_not_given_again(indexed, monkeypatch):
    def slowly(*arguments, read=TextIndex.stored):
        time.sleep(0.6)
        return read(*arguments)

    monkeypatch.setattr(TextIndex, "stored", slowly)
    search = Search(parse("hour0 number7"), timeout=0.5)
    with pytest.raises(QueryTimeout):
        indexed.find(search)
    assert indexed.full_scan.count(search, 0.5) == (0, "gte")
