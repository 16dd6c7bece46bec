"""Timeline, top, posts, stats and coverage over HTTP."""

import pytest

from tests.builders import ALICE, BOB, NOON_US, account, delete, post

MINUTE_US = 60_000_000


@pytest.fixture
def posts(lake):
    lake.flush(
        post("lake #one", rkey="k1", time_us=NOON_US),
        post("sky #one", rkey="k2", time_us=NOON_US + 1),
        post("lake", did=BOB, rkey="k3", time_us=NOON_US + 2 * MINUTE_US),
    )
    return lake


def body(response):
    assert response.status_code == 200, response.content
    return response.json()


def test_a_timeline_says_hits_and_all(posts, client):
    found = body(client.get("/api/v1/timeline?text=lake&by=minute"))
    assert found["results"] == [
        {"start": "2026-07-01T12:00:00.000000Z", "hits": 1, "all": 2},
        {"start": "2026-07-01T12:02:00.000000Z", "hits": 1, "all": 1},
    ]
    meta = found["meta"]
    assert (meta["by"], meta["hits"], meta["all"], meta["query"]) == ("minute", 2, 3, "lake")


def test_a_timeline_may_be_of_the_language_that_was_asked_for(posts, client):
    posts.flush(post("lago", rkey="k9", langs=["pt"], time_us=NOON_US + 3))
    for asked in ("text=lago&lang=pt", "text=lago+lang:pt"):
        found = body(client.get(f"/api/v1/timeline?by=minute&of=lang&{asked}"))
        assert found["results"] == [{"start": "2026-07-01T12:00:00.000000Z", "hits": 1, "all": 1}]
        assert found["meta"]["of"] == "lang"
    assert body(client.get("/api/v1/timeline?text=lago&lang=pt"))["meta"]["all"] == 4
    refused = client.get("/api/v1/timeline?text=lake&of=lang")
    assert (refused.status_code, refused.json()["error"]["details"][0]["field"]) == (400, "of")


def test_what_occurs_most(posts, client):
    found = body(client.get("/api/v1/top?by=hashtags"))
    assert (found["results"], found["meta"]["distinct"]) == ([{"value": "one", "hits": 2}], 1)
    authors = body(client.get("/api/v1/top?limit=1"))
    assert authors["results"] == [{"value": ALICE, "hits": 2, "username": None}]
    assert authors["meta"]["distinct"] == 2
    assert client.get("/api/v1/top?dataset=likes&by=hashtags").status_code == 400


def test_an_old_export_is_checked(posts, client):
    posts.flush(delete("k1", time_us=NOON_US + 9 * MINUTE_US), account(False, "suspended", did=BOB))
    uris = [
        f"at://{did}/app.bsky.feed.post/{rkey}"
        for did, rkey in ((ALICE, "k2"), (ALICE, "k1"), (BOB, "k3"), (ALICE, "x"))
    ]
    found = body(client.post("/api/v1/posts", {"uris": [*uris, uris[0]]}, content_type="application/json"))
    assert [result["id"] for result in found["results"]] == uris[:1]
    meta = found["meta"]
    assert (meta["asked"], meta["found"], meta["complete"]) == (4, 1, True)
    assert (meta["deleted"], meta["purged"], meta["unknown"]) == ([uris[1]], [], [uris[3]])
    assert meta["hidden"] == [{"id": uris[2], "account": "suspended"}]


@pytest.mark.parametrize(
    "uris", [[], ["x"], "at://did:plc:a/app.bsky.feed.like/x", None, ["at://did:plc:a/app.bsky.feed.post/x"] * 10_001]
)
def test_what_is_no_list_of_posts_is_a_fault(db, client, uris):
    answer = client.post("/api/v1/posts", {"uris": uris}, content_type="application/json")
    assert answer.status_code == 400
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == ["uris"]


def test_stats_and_coverage(posts, client):
    found = body(client.get("/api/v1/stats"))
    assert found["datasets"]["posts"]["rows"] == 3
    assert found["days"][0]["day"] == "2026-07-01"
    covered = body(client.get("/api/v1/coverage?start=2026-07-01&end=2026-07-01"))
    assert (covered["minutes"], covered["minutes_with_data"], covered["events"]) == (3, 2, 3)
    assert [gap["minutes"] for gap in covered["gaps"]] == [1]
    assert client.get("/api/v1/coverage?text=a").status_code == 400


def test_the_views_for_analysis_have_versioned_names_only(db, client):
    for name in ("timeline", "top", "posts", "stats", "coverage"):
        assert client.get(f"/{name}").status_code == 404
