"""Exports over HTTP, and their manifests."""

import csv
import hashlib
import io
import json
from datetime import UTC, datetime, timedelta

import pyarrow.parquet as pq
import pytest
from constance import config
from django.db import OperationalError

from api.access.concurrency import LIMITS
from ingest.models import Connection
from lake.delivery import record, software
from lake.delivery.download import CLIENT_GONE
from lake.export import rows as export_rows
from lake.export.columns import column_names
from lake.models import Export
from lake.scan import paged_scan
from tests.builders import ALICE, BOB, NOON_US, delete, like, post
from tests.lake.search.test_reader import hours

NOW = datetime.now(UTC)


def body_of(response):
    assert response.status_code == 200, response.content
    try:
        return b"".join(response.streaming_content)
    finally:
        response.close()


def rows(response):
    return list(csv.DictReader(io.StringIO(body_of(response).decode(), newline=""), strict=True))


def manifest(client, response):
    return client.get(f"/export/manifest/{response['X-Export-Id']}").json()


def must_be_error(response, status, code):
    assert (response.status_code, response.json()["error"]["code"]) == (status, code)
    return response.json()["error"]


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(paged_scan, "FIRST_ROWS", 2)
    monkeypatch.setattr(export_rows, "FEWEST_ROWS", 1)
    monkeypatch.setattr(export_rows, "MOST_ROWS", 2)


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
def test_an_export_is_all_hits_newest_first_without_hidden_ones(lake, client, small, prefix):
    lake.flush(*(post(f"n{n}", rkey=f"k{n}", time_us=NOON_US + n) for n in range(7)), post("else"))
    lake.flush(delete("k3", time_us=NOON_US + 99))
    response = client.get(f"{prefix}/export?text=n")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"] == f'attachment; filename="bluesky-posts-{datetime.now(UTC):%Y-%m-%d}.csv"'
    assert response["X-Request-Id"]
    assert [row["text"] for row in rows(response)] == ["n6", "n5", "n4", "n2", "n1", "n0"]


def test_a_row_is_as_in_results(lake, client):
    root = f"at://{ALICE}/app.bsky.feed.post/root"
    ref = {"uri": root, "cid": "bafyreib"}
    lake.flush(post("#Lake at https://lake.example", rkey="k", time_us=NOON_US, reply={"root": ref, "parent": ref}))
    lake.flush(post("a\0b", did=BOB, time_us=NOON_US - 1, createdAt="soon", langs=[]))
    results = client.get("/search").json()["results"]
    found = [json.loads(line) for line in body_of(client.get("/export?format=ndjson")).splitlines()]
    assert [row["matched"] for row in found] == [[], []]
    assert [row.pop("matches") for row in results] == [[], []]
    assert found == results
    assert [list(row) for row in found] == [list(row) for row in results]


def test_an_export_can_be_posted(lake, client):
    lake.flush(post("a"), post("b", did=BOB))
    asked = {"did": [BOB], "format": "ndjson", "fields": ["text", "matched"], "text": "b OR c"}
    response = client.post("/export", asked, content_type="application/json")
    assert json.loads(body_of(response)) == {"text": "b", "matched": ["b"]}


@pytest.mark.parametrize("name", ["csv", "ndjson", "parquet"])
def test_rows_bytes_and_sha256_are_those_of_the_manifest(lake, client, small, name):
    hours(lake, 3)
    lake.flush(post("a\0\0b", time_us=NOON_US + 500))
    response = client.get(f"/export?format={name}")
    body = body_of(response)
    found = manifest(client, response)
    assert response["Content-Disposition"].endswith(f'.{name}"')
    assert (found["state"], found["error"], found["rows"]) == ("complete", None, 10)
    assert (found["bytes"], found["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())
    assert found["nuls_replaced"] == (2 if name == "csv" else 0)
    assert found["started_at"] <= found["finished_at"]
    assert client.get("/search?total=true").json()["meta"]["total"] == 10


def test_a_manifest_before_says_what_an_export_would_be(lake, client):
    hours(lake, 2)
    found = client.get("/export/manifest?text=p1+OR+zzz&start=2026-07-01&end=2026-07-01&lang=en&lang=-pt").json()
    assert (found["rows"], found["rows_relation"]) == (2, "eq")
    assert "p1 OR zzz" in found["query"]
    assert found["parameters"]["lang"] == ["en", "-pt"]
    assert found["parameters"]["text"] == "p1 OR zzz"
    assert (found["parameters"]["format"], found["parameters"]["sort"]) == ("csv", "newest")
    assert found["window"] | {"seen_until": None} == {
        "clock": "seen",
        "start": "2026-07-01T00:00:00.000000Z",
        "end": "2026-07-02T00:00:00.000000Z",
        "seen_until": None,
    }
    assert [column["name"] for column in found["columns"]] == column_names("posts")
    assert found["newest_seen"] == found["window"]["seen_until"] == "2026-07-01T13:00:00.000002Z"
    assert (found["coverage"]["minutes"], found["coverage"]["minutes_with_data"]) == (61, 2)
    assert len(found["coverage"]["gaps"]) == 1
    assert found["flags"]["hide_deleted"] is True
    assert Export.objects.count() == 0


def test_a_manifest_after_has_all_that_the_one_before_has(lake, client):
    hours(lake, 1)
    before = client.get("/export/manifest?text=p").json()
    response = client.get("/export?text=p")
    body_of(response)
    after = manifest(client, response)
    assert set(before) - {"rows_relation"} <= set(after)
    differing = {name for name in before if before[name] != after.get(name)}
    assert differing == {"made_at", "rows_relation"}


def test_the_expected_rows_are_bounded_by_limit_sample_and_flag(lake, client, constance_flags):
    hours(lake, 2)
    assert client.get("/export/manifest?limit=4").json()["rows"] == 4
    assert client.get("/export/manifest?sample=5&seed=x").json()["rows"] == 5
    assert client.get("/export/manifest?limit=99").json()["rows"] == 6
    constance_flags(export_limit_rows=3)
    assert client.get("/export/manifest?limit=4").json()["rows"] == 3
    assert len(rows(client.get("/export?limit=4"))) == 3
    assert len(rows(client.get("/export?limit=2"))) == 2


@pytest.fixture
def constance_flags(db):
    from constance import config

    def set_(**values):
        for name, value in values.items():
            setattr(config, name, value)

    return set_


def test_an_export_that_is_switched_off_is_a_403(lake, client, constance_flags):
    constance_flags(export_enabled=False)
    must_be_error(client.get("/export"), 403, "export_disabled")
    assert client.get("/export/manifest").status_code == 200


def test_a_manifest_of_nothing_is_a_404(lake, client):
    must_be_error(client.get("/export/manifest/nothing"), 404, "not_found")


def test_manifests_are_kept_for_thirty_days(lake, client):
    hours(lake, 1)
    old = client.get("/export")
    body_of(old)
    Export.objects.update(started_at=datetime.now(UTC) - timedelta(days=31))
    must_be_error(client.get(f"/export/manifest/{old['X-Export-Id']}"), 404, "not_found")
    body_of(client.get("/export"))
    assert Export.objects.filter(pk=old["X-Export-Id"]).count() == 0


def test_an_export_of_a_process_that_has_ended_is_broken(lake, client):
    hours(lake, 1)
    response = client.get("/export")
    found = manifest(client, response)
    assert (found["state"], found["sha256"], found["finished_at"]) == ("running", None, None)
    Export.objects.update(started_at=record.STARTED - timedelta(seconds=1))
    found = manifest(client, response)
    assert (found["state"], found["error"]) == ("broken", record.PROCESS_GONE)
    body_of(client.get("/export"))
    assert Export.objects.get(pk=response["X-Export-Id"]).state == "broken"
    response.close()


def test_the_header_of_an_export_costs_no_search(lake, client):
    hours(lake, 1)
    response = client.head("/export?format=parquet")
    assert (response.status_code, response["Content-Type"]) == (200, "application/vnd.apache.parquet")
    assert b"".join(response.streaming_content) == b""
    assert Export.objects.count() == 0


def test_an_export_that_fails_in_the_middle_ends_with_an_exception(lake, client, lake_root, small, caplog):
    hours(lake, 2)
    response = client.get("/export")
    for path in lake_root.rglob("*.parquet"):
        path.unlink()
    with pytest.raises(Exception, match="can't be read"):
        b"".join(response.streaming_content)
    response.close()
    assert "export broken" in caplog.text
    found = manifest(client, response)
    assert (found["state"], found["sha256"]) == ("broken", None)
    assert "can't be read" in found["error"]
    assert LIMITS["export"].free == LIMITS["export"].at_once


def test_an_export_stops_when_its_reader_has_gone(lake, client, small, caplog, monkeypatch):
    hours(lake, 4)
    response = client.get("/export")
    next(iter(response.streaming_content))
    reads = []
    monkeypatch.setattr(export_rows.ExportRows, "_read", lambda *arguments: reads.append(arguments))
    response.close()
    assert reads == []
    assert CLIENT_GONE in caplog.text
    found = manifest(client, response)
    assert (found["state"], found["error"]) == ("broken", CLIENT_GONE)
    assert LIMITS["export"].free == LIMITS["export"].at_once


def test_a_reader_who_goes_before_the_first_byte_is_noticed(lake, client):
    hours(lake, 1)
    response = client.get("/export")
    response.close()
    assert manifest(client, response)["error"] == CLIENT_GONE
    assert LIMITS["export"].free == LIMITS["export"].at_once


def test_what_fails_at_once_is_an_error_and_no_broken_file(lake, client, lake_root):
    hours(lake, 1)
    next(lake_root.rglob("*.parquet")).unlink()
    must_be_error(client.get("/export"), 503, "lake_unavailable")
    assert Export.objects.count() == 0
    assert LIMITS["export"].free == LIMITS["export"].at_once


def test_an_end_that_can_not_be_recorded_does_not_break_the_file(lake, client, monkeypatch, caplog):
    hours(lake, 1)
    response = client.get("/export")

    def locked(*_, **__):
        raise OperationalError("database is locked")

    monkeypatch.setattr(Export, "save", locked)
    assert len(rows(response)) == 3
    assert "is not recorded" in caplog.text


@pytest.mark.parametrize(
    "wrong", ["page=1", "token=x", "total=true", "format=xml", "excel=true&format=ndjson", "fields=x"]
)
def test_what_an_export_does_not_take_is_a_400(lake, client, wrong):
    for path in ("/export", "/export/manifest"):
        must_be_error(client.get(f"{path}?{wrong}"), 400, "invalid_parameter")


def test_excel_gets_its_own_csv(lake, client):
    lake.flush(post("=1+1"))
    body = body_of(client.get("/export?excel=true&fields=text"))
    assert body == b'\xef\xbb\xbftext\r\n"\'=1+1"\r\n'


def test_a_sample_can_be_drawn_again(lake, client):
    lake.flush(*(post(f"p{n}", time_us=NOON_US + n) for n in range(30)))
    drawn = [{row["id"] for row in rows(client.get(f"/export?sample=5&seed={seed}"))} for seed in ("a", "a", "b")]
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(drawn[0]) == 5
    assert drawn[0] == {hit["id"] for hit in client.get("/search?sample=5&seed=a").json()["results"]}


def test_other_datasets_are_named_for_what_they_are(lake, client):
    lake.flush(like(f"at://{BOB}/app.bsky.feed.post/x"))
    response = client.get("/export?dataset=likes&format=csv")
    assert 'filename="bluesky-likes-' in response["Content-Disposition"]
    (row,) = rows(response)
    assert (row["did"], row["subject"]) == (ALICE, f"at://{BOB}/app.bsky.feed.post/x")


def test_parquet_says_what_it_is(lake, client):
    hours(lake, 1)
    table = pq.read_table(io.BytesIO(body_of(client.get("/export?format=parquet&text=p1"))))
    assert table["text"].to_pylist() == ["h0 p1"]
    assert json.loads(table.schema.metadata[b"manifest"])["parameters"]["text"] == "p1"
    assert table.schema.metadata[b"query"] == b"p1"


def test_as_many_exports_as_may_run_at_once_do(lake, client, monkeypatch):
    hours(lake, 1)
    monkeypatch.setattr(LIMITS["export"], "patience", 0.05)
    running = [client.get("/export") for _ in range(LIMITS["export"].at_once)]
    must_be_error(client.get("/export"), 503, "overloaded")
    for response in running:
        assert len(rows(response)) == 3
    assert len(rows(client.get("/export"))) == 3


def test_a_manifest_says_how_its_export_was_made(lake, client, settings):
    settings.SOFTWARE_COMMIT = "abc123"
    software.commit.cache_clear()
    settings.JETSTREAM_COLLECTIONS = ["app.bsky.feed.post"]
    for host, first, last in (
        ("one", -9, -1),
        ("two", -5, 3),
        ("three", 5, 10),
        ("four", 99, 120),
        ("silent", None, None),
    ):
        times = [None if us is None else NOON_US + us for us in (first, last)]
        Connection.objects.create(
            host=host, opened_at=NOW, saved_at=NOW, first_received=times[0], last_received=times[1]
        )
    lake.flush(*(post(f"n{n}", rkey=f"k{n}", time_us=NOON_US + n) for n in range(7)))
    lake.flush(delete("k6", time_us=NOON_US + 9))
    asked = "text=n&limit=2&excel=true&start=2026-07-01T12:00:00Z&end=2026-07-01T12:00:00.000050Z"
    before = client.get(f"/export/manifest?{asked}").json()
    response = client.get(f"/export?{asked}")
    assert manifest(client, response)["truncated"] is None
    assert [row["text"] for row in rows(response)] == ["n5", "n4"]
    after = manifest(client, response)
    for told in (before, after):
        assert (told["truncated"], told["row_limit"], told["row_limit_by"], told["rows"]) == (True, 2, "limit", 2)
        assert told["rows_hidden"] is None
        assert (told["parameters"]["limit"], told["parameters"]["excel"]) == (2, True)
        assert told["sources"] == {"hosts": ["three", "two"], "collections": ["app.bsky.feed.post"]}
        assert told["commit"] == "abc123"
        assert told["matching"].startswith("Words and phrases match anywhere")
    assert (after["first_row"], after["last_row"]) == ("2026-07-01T12:00:00.000005Z", "2026-07-01T12:00:00.000004Z")
    config.export_limit_rows = 1
    assert client.get(f"/export/manifest?{asked}").json()["row_limit_by"] == "export_limit_rows"
    software.commit.cache_clear()
