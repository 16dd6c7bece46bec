"""Exports over real files: every hit once, in order, whatever happens meanwhile."""

import csv
import hashlib
import io
import json

import pyarrow.parquet as pq
import pytest

from lake.catalog.listing import files_of
from lake.compact.compactor import Compactor
from lake.errors import LakeUnusable, QueryTimeout, QueryTooLarge
from lake.export import rows as export_rows
from lake.export.columns import column_names
from lake.export.formats import new_format
from lake.export.rows import ExportRows
from lake.export.spec import export_spec
from lake.export.stream import encode
from lake.query.parser import parse
from lake.query.spec import Search
from lake.query.sql import named_terms
from lake.scan import paged_scan
from lake.scan.snapshot import pin_snapshot
from lake.schema import DATASETS
from lake.search import sample
from lake.search.reader import Reader
from lake.storage import layout
from lake.storage.duckdb_engine import Engine
from tests.builders import ALICE, BOB, NOON_US, account, commit, delete, like, post
from tests.lake.search.test_reader import HOUR_US, PATIENCE, hours, swap, walked

NEWEST_FIRST = [f"h{hour} p{number}" for hour in (2, 1, 0) for number in (2, 1, 0)]


@pytest.fixture
def reader(lake_root):
    return Reader(Engine("500MB", 2, fence=lake_root), lake_root)


@pytest.fixture
def small(monkeypatch):
    """Pieces of a few rows."""
    monkeypatch.setattr(paged_scan, "FIRST_ROWS", 2)
    monkeypatch.setattr(export_rows, "FEWEST_ROWS", 1)
    monkeypatch.setattr(export_rows, "MOST_ROWS", 2)


def asked(text="", columns=(), limit=None, sample=None, seed="", **fields):
    search = pin_snapshot(Search(parse(text), **{"timeout": PATIENCE, **fields}))
    return export_spec(
        search, columns or column_names(search.dataset), named_terms(search.query), limit, (sample, seed, None)
    )


def rows_of(reader, asked_for, known=None):
    made = new_format("parquet", asked_for.columns)
    return ExportRows(
        reader, asked_for, made, lambda dids: {did: name for did, name in (known or {}).items() if did in dids}
    )


def exported(reader, text="", known=None, **options):
    """All rows, as dicts without times."""
    parts = rows_of(reader, asked(text, **options), known)
    times = ("timestamp", "seen_at", "_us")
    return [
        row
        for part in parts
        for row in part.rows.drop_columns([n for n in times if n in part.rows.column_names]).to_pylist()
    ]


def texts(reader, text="", **options):
    return [row["text"] for row in exported(reader, text, **options)]


def test_an_empty_lake_has_an_empty_export(lake, reader):
    assert exported(reader) == []
    assert exported(reader, sample=5, seed="s") == []


@pytest.mark.parametrize("newest", [True, pytest.param(False, marks=pytest.mark.slow)])
@pytest.mark.parametrize("clock", ["seen", "created"])
def test_an_export_is_the_union_of_the_pages(lake, reader, small, newest, clock):
    created = ["2026-07-01T11:00:00Z", "2026-07-01T13:00:00Z", "2025-01-01T00:00:00Z", "soon"]
    for hour in range(3):
        at = NOON_US + hour * HOUR_US
        every = [
            post(f"h{hour} p{n}", time_us=at + n // 2, createdAt=created[n % 4], did=(ALICE, BOB)[n % 2])
            for n in range(9)
        ]
        lake.flush(*every)
    lake.flush(account(False, "suspended", BOB, time_us=NOON_US + 9))
    found = texts(reader, newest=newest, clock=clock)
    assert found == walked(reader, newest=newest, clock=clock, limit=4)
    assert len(found) == reader.full_scan.count(Search(newest=newest, clock=clock), PATIENCE)[0] > 5


def test_rows_are_as_many_as_the_total_and_without_what_is_hidden(lake, reader, small):
    hours(lake, 3)
    lake.flush(post("old", rkey="k", time_us=NOON_US + 50), post("gone", rkey="g", time_us=NOON_US + 51))
    lake.flush(post("new", "update", rkey="k", time_us=NOON_US + 60), delete("g", time_us=NOON_US + 61))
    found = texts(reader)
    assert set(found) == {*NEWEST_FIRST, "new"}
    assert len(found) == reader.full_scan.count(Search(), PATIENCE)[0] == 10
    assert sorted(texts(reader, hide=False)) == sorted([*NEWEST_FIRST, "new", "old", "gone"])


def test_a_delete_that_comes_during_an_export_holds_for_what_is_still_to_be_read(lake, reader, small):
    lake.flush(*(post(f"p{n}", rkey=f"k{n}", time_us=NOON_US + n) for n in range(9)))
    parts = iter(rows_of(reader, asked()))
    first = next(parts).rows["text"].to_pylist()
    lake.flush(delete("k0", time_us=NOON_US + 99), delete("k8", time_us=NOON_US + 99))
    rest = [text for part in parts for text in part.rows["text"].to_pylist()]
    assert first + rest == [f"p{n}" for n in range(8, 0, -1)]


def test_an_account_that_becomes_inactive_during_an_export_leaves_the_rest_of_it(lake, reader, small):
    lake.flush(*(post(f"p{n}", time_us=NOON_US + n, did=(ALICE, BOB)[n % 2]) for n in range(8)))
    parts = iter(rows_of(reader, asked()))
    first = next(parts).rows["text"].to_pylist()
    lake.flush(account(False, "deleted", BOB, time_us=NOON_US + 99))
    rest = [text for part in parts for text in part.rows["text"].to_pylist()]
    assert "p7" in first
    assert set(rest) <= {"p6", "p4", "p2", "p0"}


def test_what_comes_after_an_export_has_begun_does_not_exist_for_it(lake, reader, small):
    lake.flush(*(post(f"p{n}", rkey=f"k{n}", time_us=NOON_US + n) for n in range(6)))
    parts = iter(rows_of(reader, asked()))
    first = next(parts).rows["text"].to_pylist()
    lake.flush(post("later", time_us=NOON_US + 99), post("newer", "update", rkey="k1", time_us=NOON_US + 99))
    rest = [text for part in parts for text in part.rows["text"].to_pylist()]
    assert first + rest == [f"p{n}" for n in range(5, -1, -1)]


def test_an_export_goes_on_when_its_files_are_replaced_meanwhile(lake, reader, lake_root, small):
    hours(lake, 3)
    parts = iter(rows_of(reader, asked()))
    found = next(parts).rows["text"].to_pylist()
    for file in list(files_of("posts")):
        swap(lake_root, file)
    found += [text for part in parts for text in part.rows["text"].to_pylist()]
    assert found == NEWEST_FIRST


def test_an_export_goes_on_when_a_file_is_replaced_again_and_again_while_it_is_read(
    lake, reader, lake_root, monkeypatch
):
    """A pass of the compactor rewrites many hours in a row: more often than a page would bear."""
    hours(lake, 2)
    table, names_left = Engine.table, iter("cdex")

    def replaced(self, *arguments, **tables):
        found = table(self, *arguments, **tables)
        if (name := next(names_left, None)) is not None:
            for file in list(files_of("posts")):
                new = file.path.rpartition("/")[0] + f"/{name}.parquet"
                (lake_root / file.path).rename(lake_root / new)
                files_of("posts").filter(pk=file.pk).update(path=new)
        return found

    monkeypatch.setattr(Engine, "table", replaced)
    assert texts(reader) == NEWEST_FIRST[3:]
    assert next(names_left, None) is None


@pytest.mark.parametrize("error", [QueryTooLarge, QueryTimeout])
def test_a_piece_that_fails_is_repeated_smaller(lake, reader, monkeypatch, small, error):
    hours(lake, 3)
    table, calls = Engine.table, []

    def failing(self, *arguments, **tables):
        if tables:  # labels
            return table(self, *arguments, **tables)
        calls.append(arguments)
        if len(calls) in (2, 3, 5):
            raise error("too much")
        return table(self, *arguments)

    monkeypatch.setattr(Engine, "table", failing)
    assert texts(reader) == NEWEST_FIRST
    assert len(calls) > 7


def test_a_search_that_has_nothing_in_its_time_fails_at_once(lake, reader):
    hours(lake, 1)
    with pytest.raises(QueryTimeout):
        texts(reader, timeout=0.0)


def test_a_missing_file_fails(lake, reader, lake_root, small):
    hours(lake, 2)
    parts = iter(rows_of(reader, asked()))
    next(parts)
    for path in lake_root.rglob("*.parquet"):
        path.unlink()
    with pytest.raises(LakeUnusable):
        list(parts)


def test_a_limit_ends_an_export(lake, reader, small):
    hours(lake, 3)
    for limit in (1, 2, 5, 9, 10):
        assert texts(reader, limit=limit) == NEWEST_FIRST[:limit]


def test_it_goes_on_from_any_place(lake, reader, small):
    hours(lake, 3)
    asked_for, made = asked(), new_format("parquet", asked().columns)
    parts = list(ExportRows(reader, asked_for, made, lambda dids: {}))
    for number, part in enumerate(parts[:-1], 1):
        before = sum(part.rows.num_rows for part in parts[:number])
        rest = ExportRows(reader, asked_for, made, lambda dids: {}, part.resume)
        assert [text for part in rest for text in part.rows["text"].to_pylist()] == NEWEST_FIRST[before:]


def test_a_sample_is_the_same_for_everybody_and_a_delete_takes_out_only_itself(lake, reader, small):
    uris = {f"at://{ALICE}/app.bsky.feed.post/k{n}" for n in range(40)}
    lake.flush(*(post(f"p{n}", rkey=f"k{n}", time_us=NOON_US + n) for n in range(40)))
    drawn = sorted(uris, key=lambda uri: hashlib.md5(f"seed{uri}".encode()).hexdigest())[:10]
    found = [row["id"] for row in exported(reader, sample=10, seed="seed")]
    hits = sample.draw(reader.full_scan, Search(timeout=PATIENCE), 10, "seed")
    assert set(found) == set(drawn) == {hit.uri for hit in hits}
    assert found == sorted(found, key=lambda uri: -int(uri.rpartition("k")[2]))  # in the order asked
    assert len(exported(reader, sample=40, seed="")) == len(exported(reader, sample=999, seed="")) == 40
    lake.flush(delete(drawn[3].rpartition("/")[2], time_us=NOON_US + 99))
    after = {row["id"] for row in exported(reader, sample=10, seed="seed")}
    assert set(drawn) - after == {drawn[3]}


def test_a_post_has_its_columns(lake, reader):
    root = f"at://{ALICE}/app.bsky.feed.post/root"
    ref = {"uri": root, "cid": "bafyreib"}
    lake.flush(post("#Lake at https://lake.example", rkey="k", time_us=NOON_US, reply={"root": ref, "parent": ref}))
    lake.flush(post("a\0b", did=BOB, rkey="n", time_us=NOON_US + 1, langs=[], createdAt="soon"))
    other, row = exported(reader, "lake OR b OR sea", known={ALICE: "alice.example"})
    assert [name for name in row if not name.startswith("_")] == [
        n for n in column_names("posts") if n not in ("timestamp", "seen_at")
    ]
    assert (row["id"], row["did"], row["username"]) == (f"at://{ALICE}/app.bsky.feed.post/k", ALICE, "alice.example")
    assert (row["langs"], row["hashtags"], row["mentions"], row["media"]) == (["en"], ["lake"], [], [])
    assert (row["reply_root"], row["reply_parent"], row["quote"]) == (root, root, None)
    assert row["url"] == f"https://bsky.app/profile/{ALICE}/post/k"
    assert (row["matched"], other["matched"]) == (["lake"], ["b"])
    assert (other["text"], other["username"], other["langs"]) == ("a\0b", None, [])


def test_columns_are_chosen(lake, reader):
    hours(lake, 1, each=1)
    assert [set(row) for row in exported(reader, columns=["text", "username"])] == [
        {"text", "username", "_did", "_collection", "_rkey", "_version"}
    ]


def test_every_dataset_can_be_exported_in_every_form(lake, reader):
    lake.flush(post(rkey="k"), like(f"at://{BOB}/app.bsky.feed.post/x"), account(False, "takendown", BOB), delete("zz"))
    lake.flush(commit("app.bsky.graph.follow", {"subject": BOB, "createdAt": "2026-07-01T11:59:59Z"}))
    lake.flush(commit("app.bsky.actor.profile", {"displayName": "Alice"}, rkey="self"), commit("some.other", {"a": 1}))
    for dataset in DATASETS:
        asked_for = asked(dataset=dataset, hide=False)
        total, _ = reader.full_scan.count(asked_for.search, PATIENCE)
        for name in ("csv", "ndjson", "parquet"):
            body, rows = file(reader, asked_for, name)
            found = (
                pq.read_table(io.BytesIO(body)).num_rows if name == "parquet" else body.count(b"\n") - (name == "csv")
            )
            assert rows == found == total


def file(reader, asked_for, name):
    """The bytes of the whole file, and its rows."""
    made = new_format(name, asked_for.columns)
    parts = list(encode(ExportRows(reader, asked_for, made, lambda dids: {}), made))
    return b"".join(part.body for part in parts), sum(part.rows for part in parts)


def test_cids_that_compaction_leaves_out_are_there(lake, reader, lake_root, small):
    frames = [like(f"at://{BOB}/app.bsky.feed.post/{n}", via=via) for n, via in enumerate([{"a": 1}, 'a "b"\n', {}])]
    bare = json.loads(like(f"at://{BOB}/app.bsky.feed.post/9"))
    bare["commit"]["cid"] = 'a "b"\n\\'
    lake.flush(*frames, json.dumps(bare).encode())
    sent = [json.loads(raw)["commit"]["cid"] for raw in frames]
    flushed = [row["cid"] for row in exported(reader, dataset="likes", newest=False)]
    Compactor(lake_root, lake_root / layout.SCRATCH, 1, 0, 0, lambda: False).round(patient=False)
    assert [row["cid"] for row in lake.rows("likes")] == [None] * 3 + ['a "b"\n\\']
    asked_for = asked(dataset="likes", newest=False)
    lines, _ = file(reader, asked_for, "ndjson")
    table, _ = file(reader, asked_for, "parquet")
    cells, _ = file(reader, asked_for, "csv")
    assert flushed == [json.loads(line)["cid"] for line in lines.splitlines()]
    assert flushed == pq.read_table(io.BytesIO(table))["cid"].to_pylist()
    said = [row["cid"] or None for row in csv.DictReader(io.StringIO(cells.decode(), newline=""))]
    assert said == flushed == [*sent, 'a "b"\n\\']


def test_a_piece_is_small_when_rows_are_large(lake, reader, monkeypatch):
    monkeypatch.setattr(paged_scan, "FIRST_ROWS", 20)
    monkeypatch.setattr(export_rows, "FEWEST_ROWS", 5)
    monkeypatch.setattr(export_rows, "SLICE_BYTES", 100_000)
    lake.flush(*(commit("some.other", {"a": "x" * 10_000}, time_us=NOON_US + n) for n in range(100)))
    lake.flush(*(commit("some.other", {}, time_us=NOON_US - 1 - n) for n in range(1000)))
    sizes = [part.rows.num_rows for part in rows_of(reader, asked(dataset="records"))]
    assert sum(sizes) == 1100
    assert max(sizes[1:10]) <= 10
    assert max(sizes[-5:]) > 100


def test_what_fails_while_it_is_written_breaks_the_file(lake, reader, small):
    hours(lake, 3)
    made = new_format("csv", asked().columns)
    made.rows = lambda table: 1 / 0
    with pytest.raises(ZeroDivisionError):
        list(encode(ExportRows(reader, asked(), made, lambda dids: {}), made))
