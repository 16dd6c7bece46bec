"""Each check accepts a right answer and names what is wrong with others."""

import hashlib
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.load import checks, file_checks

COVERAGE = {
    "complete": True,
    "start": "2026-07-01T12:00:00Z",
    "end": "2026-07-01T12:02:00Z",
    "minutes": 2,
    "minutes_missing": 0,
    "gaps": [],
    "gaps_total": 0,
}


def hit(number, text="a lake", **others):
    """The higher the number, the older it is."""
    return {
        "id": f"at://did:plc:a/app.bsky.feed.post/{number}",
        "did": "did:plc:a",
        "seen_at": f"2026-07-01T12:00:{59 - number:02d}.000000Z",
        "text": text,
        "langs": ["pt-BR"],
        "matches": [[2, 6]],
    } | others


def answer(*hits, **meta):
    told = {
        "count": len(hits),
        "total": len(hits),
        "total_relation": "eq",
        "limit": 50,
        "next": None,
        "complete": True,
        "coverage": COVERAGE,
        "as_of": "2026-07-01T12:01:00Z",
        "took_ms": 5,
        "hidden": 0,
    }
    return {"results": list(hits), "meta": told | meta}


def test_a_right_page():
    assert checks.page(answer(hit(1), hit(2)), word="LAKE", author="did:plc:a", language="pt") == ""


def test_the_turkish_letter_is_an_i_as_in_searches():
    assert checks.page(answer(hit(1, text="a LİKE", matches=[[2, 6]])), word="like") == ""


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({}, "lacks meta, results"),
        ({"results": [], "meta": {}}, "lacks as_of, complete"),
        (answer(coverage=None), "no coverage"),
        (answer(coverage=COVERAGE | {"minutes_missing": 3}), "complete True with 3 minutes missing"),
        (answer(hit(2), hit(1)), "not newest first"),
        (answer(hit(1), hit(1)), "twice: at://did:plc:a/app.bsky.feed.post/1"),
        (answer(hit(1), count=2), "count 2 of 1 hits"),
        (answer(*map(hit, range(51))), "51 hits with limit 50"),
        (answer(hit(1), next="t"), "1 hits of 50, and a next page"),
        (answer(hit(1, text="a pond")), "no 'lake' in"),
        (answer(hit(1, matches=[[0, 1]])), "'lake' is not marked in"),
        (answer(hit(1, did="did:plc:b")), "a post of did:plc:b, not of did:plc:a"),
        (answer(hit(1, langs=["en"])), "langs ['en'] for pt"),
    ],
)
def test_a_wrong_page(wrong, says):
    assert says in checks.page(wrong, word="lake", author="did:plc:a", language="pt")


def walked(*pages):
    walk = checks.Walk()
    return [walk.add(page) for page in pages]


def test_a_right_walk():
    first, last = answer(hit(1), hit(2), next="t", total=3), answer(hit(3), total=3)
    assert walked(first, last) == ["", ""]


@pytest.mark.parametrize(
    ("second", "says"),
    [
        (answer(hit(2), next="t"), "on an earlier page too: at://did:plc:a/app.bsky.feed.post/2"),
        (answer(hit(0), next="t"), "newer than the page before"),
        (answer(hit(3), next="t", as_of="2026-07-01T12:05:00Z"), "the first page as of 2026-07-01T12:01:00Z"),
        (answer(hit(3), total=9), "total 9, walked 3"),
        (answer(hit(3), total=2), "total 2, walked 3"),
    ],
)
def test_a_wrong_walk(second, says):
    assert says in walked(answer(hit(1), hit(2), next="t"), second)[1]


def lookup(rows, **told):
    nothing = {"deleted": [], "hidden": [], "purged": [], "unknown": [], "complete": True}
    return {"results": rows, "meta": nothing | {"asked": 2, "found": len(rows)} | told}


GONE = hit(2)["id"]


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (lookup([hit(1), hit(2)]), ""),
        (lookup([hit(1)], deleted=[GONE]), ""),
        (lookup([hit(1)], hidden=[{"id": GONE, "account": "deactivated"}]), ""),
        (lookup([hit(1)]), "not what was asked for"),
        (lookup([hit(1)], unknown=[GONE]), f"unknown: {GONE}"),
        (lookup([hit(1), hit(2)], asked=3), "asked 3 of 2"),
        (lookup([hit(1), hit(2)], found=3), "found 3 of 2 rows"),
        ({"results": []}, "lacks asked"),
    ],
)
def test_lists(told, says):
    fault = checks.listed(told, [hit(1)["id"], GONE])
    assert says in fault
    assert bool(says) == bool(fault)


def hours(*rows, **meta):
    told = {"hits": sum(row["hits"] for row in rows), "all": 9, "coverage": COVERAGE, "as_of": "2026"}
    return {"results": list(rows), "meta": told | meta}


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (hours({"start": "1", "hits": 1, "all": 2}, {"start": "2", "hits": 2, "all": 2}), ""),
        (hours({"start": "2", "hits": 1, "all": 2}, {"start": "1", "hits": 2, "all": 2}), "not the oldest first"),
        (hours({"start": "1", "hits": 3, "all": 2}), "3 hits of 2 at 1"),
        (hours({"start": "1", "hits": 2, "all": 2}, hits=7), "hits do not add up"),
        ({"results": []}, "lacks all, as_of"),
    ],
)
def test_timelines(told, says):
    fault = checks.timeline(told)
    assert says in fault
    assert bool(says) == bool(fault)


def test_timelines_of_authors():
    rows = [{"start": "1", "hits": 1, "all": 2, "value": value} for value in ("did:plc:a", "did:plc:b", None)]
    values = [{"value": "did:plc:a", "hits": 1}, {"value": "did:plc:b", "hits": 1}]
    right = hours(*rows, split="author", split_values=values)
    assert checks.split_timeline(right, ["did:plc:a", "did:plc:b"]) == ""
    assert "a series of did:plc:b" in checks.split_timeline(right, ["did:plc:a"])
    right["results"].pop()
    right["results"].pop()
    assert "series do not add up" in checks.split_timeline(right, ["did:plc:a", "did:plc:b"])


def test_top():
    told = {"distinct": 2, "next": None, "coverage": COVERAGE, "as_of": "2026"}
    rows = [{"value": "b", "hits": 1}, {"value": "b", "hits": 2}]
    assert checks.top({"results": rows[1:], "meta": told}, 2) == ""
    wrong = checks.top({"results": rows, "meta": told}, 1)
    assert all(says in wrong for says in ("twice: b", "not the most first", "2 values with limit 1"))


def csv_body(*hits):
    lines = ["id,seen_at,text", *(f"{one['id']},{one['seen_at']},{one['text']}" for one in hits)]
    return "\r\n".join(lines).encode() + b"\r\n"


def parquet_body(*hits):
    file = io.BytesIO()
    pq.write_table(pa.table({name: [one[name] for one in hits] for name in ("id", "seen_at")}), file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("hits", "says"),
    [
        ([hit(1), hit(2)], ""),
        ([hit(2), hit(1)], "not newest first"),
        ([hit(1), hit(1)], "twice"),
    ],
)
def test_files(hits, says):
    for fault in (
        file_checks.csv_file(csv_body(*hits), ["id", "seen_at", "text"], "lake"),
        file_checks.parquet_file(parquet_body(*hits)),
    ):
        assert says in fault
        assert bool(says) == bool(fault)


def test_files_of_other_kinds():
    assert "begins with" in file_checks.csv_file(b"<html>", ["id"])
    assert file_checks.parquet_file(b"<html>") == "no Parquet file"
    assert "no 'pond'" in file_checks.csv_file(csv_body(hit(1)), ["id"], "pond")


@pytest.mark.parametrize("body", [csv_body(hit(1), hit(2)), parquet_body(hit(1), hit(2))], ids=["csv", "parquet"])
def test_manifests(body):
    told = {"state": "complete", "rows": 2, "sha256": hashlib.sha256(body).hexdigest(), "bytes": len(body)}
    told |= {"coverage": COVERAGE, "as_of": "2026"}
    assert file_checks.manifest(told, body) == ""
    for wrong in ({"state": "broken"}, {"rows": 3}, {"sha256": "0"}, {"bytes": 1}):
        assert file_checks.manifest(told | wrong, body)


def test_pages_of_html():
    assert file_checks.html(b"<h1>Search</h1>", ["Search"]) == ""
    assert "no 'Status'" in file_checks.html(b"<h1>Search</h1>", ["Status"])


def test_a_time_without_a_fraction_is_the_oldest_of_its_second():
    newer, older = hit(1, seen_at="2026-07-01T12:00:00.5Z"), hit(2, seen_at="2026-07-01T12:00:00Z")
    assert checks.page(answer(newer, older)) == ""
    assert "not newest first" in checks.page(answer(older, newer))
