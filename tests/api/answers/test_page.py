"""Pages by token over HTTP, totals, samples, cohorts, usernames."""

import sqlite3
from contextlib import closing

import pytest
from constance import config

from api.access.concurrency import LIMITS, Limit, idle, slot
from api.answers import page as answers_page
from api.answers.usernames import handle_lookup, uris_with_dids
from ingest.handles.appview import HandleServiceDown
from ingest.handles.lookup import Handles
from lake.flags.store import flags
from lake.scan import paged_scan
from tests.builders import ALICE, BOB, NOON_US, delete, like, post
from tests.ingest.handles.appview_server import appview_server

SECOND_US = 1_000_000


@pytest.fixture
def posts(lake):
    lake.flush(*(post(f"p{n}", rkey=f"k{n:02}", time_us=NOON_US + n * SECOND_US) for n in range(20)))
    return lake


def meta(response):
    assert response.status_code == 200, response.content
    return response.json()["meta"]


def keys(response):
    return [result["id"].rsplit("/", 1)[1] for result in response.json()["results"]]


def walked(client, query):
    found, token = [], ""
    for _ in range(100):
        page = client.get(f"/search?{query}&token={token}")
        found.append(page)
        token = meta(page)["next"]
        if token is None:
            return found
    raise AssertionError("no end")


def test_tokens_lead_through_all_hits_to_the_end(posts, client):
    pages = walked(client, "text=p&limit=6")
    assert [key for page in pages for key in keys(page)] == [f"k{n:02}" for n in reversed(range(20))]
    assert [meta(page)["page"] for page in pages] == [1, 2, 3, 4]
    assert {meta(page)["total"] for page in pages} == {20}
    assert [meta(page)["count"] for page in pages] == [6, 6, 6, 2]


def test_a_walk_that_has_seen_the_end_knows_its_total(posts, client, monkeypatch):
    monkeypatch.setattr(answers_page, "COUNT_SECONDS", 0)
    pages = [meta(page) for page in walked(client, "text=p&limit=6")]
    assert [page["total_relation"] for page in pages] == ["gte", "gte", "gte", "eq"]
    assert pages[-1]["total"] == 20
    token = meta(client.get("/search?limit=6&page=2"))["next"]
    token = meta(client.get(f"/search?limit=5&total=false&token={token}"))["next"]
    last = meta(client.get(f"/search?limit=9&token={token}"))
    assert (last["next"], last["total"], last["total_relation"]) == (None, 20, "eq")
    uncounted = meta(client.get(f"/search?limit=9&total=false&token={token}"))
    assert (uncounted["next"], uncounted["total"], uncounted["total_relation"]) == (None, None, None)


def test_tokens_go_beyond_what_pages_may(posts, client):
    config.result_limit_rows = 5
    assert client.get("/search?limit=5&page=2").status_code == 400
    assert len([key for page in walked(client, "limit=5") for key in keys(page)]) == 20


def test_a_walk_may_end_with_the_oldest_and_by_the_other_clock(posts, client):
    newest = [key for page in walked(client, "limit=7") for key in keys(page)]
    oldest = [key for page in walked(client, "limit=7&sort=oldest") for key in keys(page)]
    assert oldest == newest[::-1]
    by_author = [key for page in walked(client, "limit=7&clock=created") for key in keys(page)]
    assert sorted(by_author) == sorted(newest)


def test_a_walk_does_not_see_what_comes_but_sees_what_goes(posts, client):
    token = meta(client.get("/search?limit=15"))["next"]
    posts.flush(post("new", rkey="new", time_us=NOON_US + 999 * SECOND_US))
    posts.flush(delete("k01", time_us=NOON_US + 999 * SECOND_US))
    posts.flush(post("changed", "update", rkey="k02", time_us=NOON_US + 999 * SECOND_US))
    last = client.get(f"/search?limit=15&token={token}")
    assert keys(last) == ["k04", "k03", "k02", "k00"]
    assert last.json()["results"][2]["text"] == "p2"
    assert (meta(last)["next"], meta(last)["hidden"]) == (None, 1)


def test_totals_are_counted_as_asked(posts, client, monkeypatch):
    monkeypatch.setattr(answers_page, "COUNT_SECONDS", 0)
    first = meta(client.get("/search?limit=5"))
    assert (first["total"], first["total_relation"]) == (5, "gte")
    second = meta(client.get(f"/search?limit=5&token={first['next']}"))
    assert (second["total"], second["total_relation"]) == (5, "gte")
    counted = meta(client.get(f"/search?limit=5&total=true&token={first['next']}"))
    assert (counted["total"], counted["total_relation"]) == (20, "eq")
    none = meta(client.get("/search?limit=5&total=false"))
    assert (none["total"], none["total_relation"]) == (None, None)


def test_flags_never_cap_a_total(posts, client):
    config.result_limit_rows = 5
    assert meta(client.get("/search?limit=5"))["total"] == 20


def test_a_page_that_reached_its_time_limit_goes_on_by_its_token(posts, client, monkeypatch):
    monkeypatch.setattr(paged_scan, "FIRST_ROWS", 5)
    pages = walked(client, "limit=50")
    assert [key for page in pages for key in keys(page)] == [f"k{n:02}" for n in reversed(range(20))]


def test_samples_are_drawn_by_seed(posts, client):
    drawn = client.get("/search?sample=5&seed=42")
    assert keys(drawn) == keys(client.get("/search?sample=5&seed=42"))
    assert keys(drawn) != keys(client.get("/search?sample=5&seed=43"))
    assert (meta(drawn)["next"], meta(drawn)["total"], meta(drawn)["limit"]) == (None, None, 5)


def test_a_cohort_comes_by_post(posts, client):
    posts.flush(post("hers", did=BOB, rkey="hers"))
    cohort = [f"did:plc:{n:024}" for n in range(9_999)]
    answer = client.post("/search", {"did": [*cohort, BOB]}, content_type="application/json")
    assert keys(answer) == ["hers"]
    token = meta(client.post("/search", {"did": [ALICE, BOB], "limit": 20}, content_type="application/json"))["next"]
    body = {"did": [BOB, ALICE], "limit": 20, "token": token}
    assert keys(client.post("/search", body, content_type="application/json")) == ["k00"]


def test_likes_of_a_post_and_columns_wanted(lake, client):
    subject = f"at://{BOB}/app.bsky.feed.post/a"
    lake.flush(like(subject), like(f"at://{BOB}/app.bsky.feed.post/b"))
    for asked in (subject, BOB):
        answer = client.get("/search", {"dataset": "likes", "subject": asked, "fields": "did,subject"})
        assert answer.json()["results"][-1] == {"did": ALICE, "subject": subject}
    assert meta(client.get("/search", {"dataset": "likes", "subject": subject}))["total"] == 1


@pytest.fixture
def handles(tmp_path, settings, posts):
    settings.HANDLES_PATH = tmp_path / "handles.sqlite3"
    handle_lookup.cache_clear()
    yield settings.HANDLES_PATH
    handle_lookup.cache_clear()


def told_of_nobody(client):
    answer = client.get("/search?username=nobody.example")
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert (error["code"], "nobody.example" in error["message"]) == ("unknown_handle", True)
    return error["message"]


@pytest.fixture
def appview():
    with appview_server() as server:
        server.handles = {ALICE: "alice.example"}
        yield server


def test_an_unknown_handle_is_a_404_that_names_it(handles, client, settings, appview):
    settings.APPVIEW_URL = appview.url
    assert told_of_nobody(client).startswith("No account has the handle nobody.example")
    assert appview.asked == [["nobody.example"]]


def test_a_handle_that_nobody_was_asked_for_is_a_404_that_says_so(handles, client, settings):
    assert settings.APPVIEW_URL == ""
    message = told_of_nobody(client)
    assert "nobody was asked" in message
    assert "APPVIEW_URL is empty" in message
    assert "did:plc:" in message
    assert client.get("/search?did=nobody.example").status_code == 404
    named = {"uris": ["at://nobody.example/app.bsky.feed.post/x"]}
    assert client.post("/api/v1/posts", named, content_type="application/json").status_code == 404


def test_no_request_resolves_handles_for_longer_than_its_time_limit(handles):
    with pytest.raises(HandleServiceDown, match="time limit"):
        uris_with_dids(["at://alice.example/app.bsky.feed.post/x"], seconds=-1)


def test_flags_hide_or_show(posts, client):
    posts.flush(delete("k05", time_us=NOON_US + 999 * SECOND_US))
    assert "k05" not in keys(client.get("/search"))
    config.hide_deleted = False
    assert flags().hide_deleted is False
    assert "k05" in keys(client.get("/search"))


def test_handles_stand_in_answers_and_for_authors(handles, client, monkeypatch):
    monkeypatch.setattr(Handles, "names", lambda self, dids: dict.fromkeys(dids, "alice.example"))
    monkeypatch.setattr(Handles, "resolve", lambda self, handle: {"alice.example": ALICE}.get(handle))
    site = "https://bsky.app/profile/alice.example"
    for query in (
        *("username=@Alice.example", "text=from:alice.example", f"did={ALICE}", "did=@Alice.example"),
        *(f"from={site}", f"text=from:{site}", "username=at://alice.example", f"did=https://bsky.app/profile/{ALICE}/"),
    ):
        answer = client.get(f"/search?limit=1&{query}")
        assert answer.json()["results"][0]["username"] == "alice.example"
    assert keys(client.get("/search?username=-alice.example")) == []


@pytest.mark.parametrize("account", ["alice.example", ALICE])
def test_posts_are_named_as_the_app_names_them(handles, client, settings, posts, account, appview):
    settings.APPVIEW_URL = appview.url
    uri = f"at://{ALICE}/app.bsky.feed.post/k01"
    parent = {"uri": uri, "cid": "c"}
    posts.flush(post("re", did=BOB, rkey="re", reply={"root": parent, "parent": parent}))
    names = [f"https://bsky.app/profile/{account}/post/k01", f"at://{account}/app.bsky.feed.post/k01"]
    for name in names:
        assert keys(client.get("/search", {"subject": name})) == ["re"]
        assert keys(client.get("/search", {"text": f"subject:{name}"})) == ["re"]
    gone = f"https://bsky.app/profile/{account}/post/gone?ref=x"
    found = client.post("/api/v1/posts", {"uris": [*names, gone]}, content_type="application/json")
    assert keys(found) == ["k01"]
    assert (meta(found)["asked"], meta(found)["unknown"]) == (2, [f"at://{ALICE}/app.bsky.feed.post/gone"])


def test_a_broken_store_of_handles_stops_no_search(handles, client):
    handles.write_bytes(b"no database" * 100)
    with closing(sqlite3.connect(handles)) as opened, pytest.raises(sqlite3.DatabaseError):
        opened.execute("SELECT * FROM handle")
    assert client.get("/search").json()["results"][0]["username"] is None


def test_a_page_does_not_wait_for_its_count_while_others_search(posts, client, monkeypatch):
    monkeypatch.setattr(answers_page, "idle", lambda kind: 0.0)
    busy = meta(client.get("/search?text=p&limit=5"))
    assert (busy["total"], busy["total_relation"]) == (5, "gte")
    assert meta(client.get("/search?text=p&limit=5&total=true"))["total"] == 20
    monkeypatch.undo()
    idle = meta(client.get("/search?text=p&limit=5"))
    assert (idle["total"], idle["total_relation"]) == (20, "eq")


def test_a_page_is_answered_when_the_last_slot_went_before_its_count(posts, client, monkeypatch):
    monkeypatch.setitem(LIMITS, "search", Limit(1, line=0))
    read = answers_page.reader().find

    def find_then_taken(*args):
        page = read(*args)
        monkeypatch.setattr(answers_page, "idle", lambda kind: LIMITS[kind].take() or 1.0)
        return page

    monkeypatch.setattr(answers_page.reader(), "find", find_then_taken)
    found = meta(client.get("/search?text=p&limit=5"))
    assert (found["count"], found["total"], found["total_relation"]) == (5, 5, "gte")


def test_a_share_of_the_slots_is_idle():
    assert idle("search") == 1
    with slot("search"):
        assert idle("search") == 2 / 3
