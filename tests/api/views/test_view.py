"""Search and export over HTTP."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError

from api.answers.reader import reader
from api.params.search import SearchParams
from deploy.local.child import ROOT
from lake.scan import hit as hits_module
from lake.scan import paged_scan
from tests.builders import ALICE, NOON_US, like, post
from tests.lake.search.test_reader import hours, slow_after

API = (ROOT / "docs" / "api.md").read_text()


def must_be_error(response, status, code):
    assert response.status_code == status
    assert response["Content-Type"] == "application/json"
    error = response.json()["error"]
    assert set(error) == {"code", "message", "details", "temporary", "request_id"}
    assert error["code"] == code
    assert error["request_id"] == response["X-Request-Id"]
    assert f"`{code}`" in API
    assert error["temporary"] is (response.status_code == 503) is response.has_header("Retry-After")
    return error


def test_a_hit_has_the_documented_columns(lake, client):
    root, cid = f"at://{ALICE}/app.bsky.feed.post/root", "bafyreib"
    ref = {"uri": root, "cid": cid}
    lake.flush(post("#Lake at https://lake.example", rkey="k1", time_us=NOON_US, reply={"root": ref, "parent": ref}))
    body = client.get("/search?text=LAKE").json()
    (hit,) = body["results"]
    assert list(hit) == SearchParams().columns("posts")
    assert (hit["alt"], hit["self_labels"], hit["matches"]) == ([], [], [[1, 5], [17, 21]])
    assert hit["id"] == f"at://{ALICE}/app.bsky.feed.post/k1"
    assert hit["url"] == f"https://bsky.app/profile/{ALICE}/post/k1"
    assert (hit["timestamp"], hit["seen_at"]) == ("2026-07-01T11:59:59.123000Z", "2026-07-01T12:00:00.000000Z")
    assert (hit["username"], hit["langs"], hit["hashtags"], hit["mentions"]) == (None, ["en"], ["lake"], [])
    assert (hit["reply_root"], hit["reply_parent"], hit["quote"]) == (root, root, None)
    body["meta"].pop("took_ms")
    assert body["meta"] == {
        "count": 1,
        "total": 1,
        "total_relation": "eq",
        "page": 1,
        "limit": 50,
        "next": None,
        "complete": True,
        "searched_to": None,
        "hidden": 0,
        "query": "LAKE",
        "notes": [],
        "as_of": "2026-07-01T12:00:00.000000Z",
        "coverage": {**body["meta"]["coverage"], "complete": True, "gaps": []},
        "removed_since": 0,
    }
    assert all(f"| `{field}` |" in API for field in [*body["meta"], "took_ms"])


SELF_LABELS = "com.atproto.label.defs#selfLabels"


def test_a_hit_has_its_alt_texts_and_the_labels_of_its_author(lake, client):
    images = [{"alt": "a lake", "image": {}}, {"alt": "", "image": {}}, {"alt": "<b>\u202e", "image": {}}]
    labels = [
        {"$type": SELF_LABELS, "values": [{"val": "porn"}, {"val": "graphic-media"}, {"neg": True}]},
        *({"$type": SELF_LABELS, "values": odd} for odd in ([], "porn", {"val": "porn"}, [["porn"]], [None])),
        *("porn", 5, ["porn"], None),
    ]
    lake.flush(
        *(
            post("hi", rkey=f"k{n}", labels=label, embed={"$type": "app.bsky.embed.images", "images": images})
            for n, label in enumerate(labels)
        )
    )
    hits = {hit["id"][-2:]: hit for hit in client.get("/search?sort=oldest").json()["results"]}
    assert hits["k0"]["self_labels"] == ["porn", "graphic-media"]
    assert [hits[f"k{n}"]["self_labels"] for n in range(1, len(labels))] == [[]] * (len(labels) - 1)
    assert {tuple(hit["alt"]) for hit in hits.values()} == {("a lake", "<b>\u202e")}
    lines = client.get("/export?format=ndjson&sort=oldest&fields=self_labels,alt").getvalue().splitlines()
    assert json.loads(lines[0]) == {"alt": hits["k0"]["alt"], "self_labels": hits["k0"]["self_labels"]}


def test_a_hit_says_where_the_query_is_in_its_text(lake, client):
    lake.flush(post("👩\u200d🚀 A Lake, #lake", rkey="k1"), like(f"at://{ALICE}/app.bsky.feed.post/k1"))

    def shown(**query):
        (hit,) = client.get("/search", query).json()["results"]
        return [hit["text"][begin:end] for begin, end in hit["matches"]]

    assert shown(text="lake") == ["Lake", "lake"]
    assert shown(text="a", exact="true") == ["A"]
    assert shown(tag="lake") == shown(text="#lake") == ["#lake"]
    assert shown(text="lake", tag="-house") == ["Lake", "lake"]
    assert shown() == []
    assert shown(text="lake", sample="1") == ["Lake", "lake"]
    (one,) = client.get("/search?text=lake&fields=matches").json()["results"]
    assert one == {"matches": [[6, 10], [13, 17]]}
    (row,) = client.get("/search?dataset=likes").json()["results"]
    assert "matches" not in row


@pytest.mark.parametrize("prefix", ["", "/api/v1"])
def test_an_empty_lake_answers(lake, client, prefix):
    meta = client.get(f"{prefix}/search").json()["meta"]
    assert (meta["count"], meta["total"], meta["total_relation"], meta["complete"]) == (0, 0, "eq", True)


def test_a_null_timestamp_is_no_date(lake, client):
    lake.flush(post("a", createdAt="soon"))
    assert client.get("/search").json()["results"][0]["timestamp"] is None


def test_pages_follow_each_other(lake, client):
    lake.flush(*(post(str(n), time_us=NOON_US + n) for n in range(7)))
    pages = [client.get(f"/search?limit=3&page={page}").json() for page in (1, 2, 3, 4)]
    assert [[hit["text"] for hit in page["results"]] for page in pages] == [["6", "5", "4"], ["3", "2", "1"], ["0"], []]
    assert [page["meta"]["page"] for page in pages] == [1, 2, 3, 4]


def test_a_search_that_reaches_its_time_limit_is_marked(lake, client, monkeypatch):
    monkeypatch.setattr(paged_scan, "FIRST_ROWS", 2)
    hours(lake, 3)
    slow_after(monkeypatch, 1)
    meta = client.get("/search").json()["meta"]
    assert not meta["complete"]
    assert meta["searched_to"].startswith("2026-07-01T1")


def test_a_search_that_has_nothing_in_time_is_a_503(lake, client, monkeypatch):
    hours(lake, 1)
    slow_after(monkeypatch, 0)
    must_be_error(client.get("/search"), 503, "query_too_slow")


def test_a_search_that_needs_too_much_memory_is_a_503(lake, client, settings, monkeypatch):
    hours(lake, 1)
    settings.QUERY_MEMORY_LIMIT = "50MB"
    monkeypatch.setitem(hits_module.FIELDS, "posts", {"text": "(SELECT list(a) FROM range(50_000_000) t(a))"})
    must_be_error(client.get("/search"), 503, "query_too_large")


def test_a_missing_file_is_a_503(lake, client, lake_root):
    hours(lake, 1)
    next(lake_root.rglob("*.parquet")).unlink()
    must_be_error(client.get("/search"), 503, "lake_unavailable")


def test_a_catalog_that_can_not_be_read_is_a_503(lake, client, monkeypatch):
    def locked(*_):
        raise OperationalError("database is locked")

    monkeypatch.setattr(paged_scan, "files_in_range", locked)
    must_be_error(client.get("/search"), 503, "lake_unavailable")


def test_all_faults_come_in_one_answer(db, client):
    error = must_be_error(client.get("/search?foo=1&page=0&start=x&text=%FF"), 400, "invalid_parameter")
    assert {detail["field"] for detail in error["details"]} == {"foo", "page", "start", "text"}
    assert not error["temporary"]


@pytest.mark.parametrize("path", ["/search", "/api/v1/coverage"])
@pytest.mark.parametrize("accept", ["text/html", "text/csv", "application/xml", "nonsense"])
def test_the_accept_header_changes_nothing(lake, client, path, accept):
    assert client.get(path, headers={"accept": accept}).status_code == 200


def test_search_answers_while_redis_is_down(lake, client, settings):
    hours(lake, 1)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert client.get("/search").json()["meta"]["total"] == 3


def test_one_reader_is_made_however_many_threads_ask(lake_root, monkeypatch):
    with ThreadPoolExecutor(20) as threads:
        assert len(set(threads.map(lambda _: reader(), range(100)))) == 1


def test_a_forked_child_makes_its_own_reader(lake_root, monkeypatch):
    ours = reader()
    monkeypatch.setattr("os.getpid", lambda: -1)
    assert reader() is not ours


def test_a_lake_that_does_not_exist_yet_or_is_named_relatively_can_be_searched(
    lake, client, settings, tmp_path, monkeypatch
):
    hours(lake, 1)
    real = settings.LAKE_ROOT
    monkeypatch.chdir(tmp_path)
    settings.LAKE_ROOT = real.__class__("later")
    must_be_error(client.get("/search"), 503, "lake_unavailable")
    real.rename(tmp_path / "later")
    assert client.get("/search").json()["meta"]["total"] == 3
