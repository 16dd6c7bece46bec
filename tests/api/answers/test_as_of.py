"""as_of over HTTP: the same request later gives the same, less what was deleted since, and how much that may be."""

import json

import pytest
from django.core.management import call_command

from api.answers import analysis, page
from lake.compact.compactor import Compactor
from lake.models import CatalogIdentity
from lake.storage.layout import SCRATCH
from tests.builders import ALICE, BOB, NOON_US, account, delete, like, post, tid

SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US


def at(rkey, seconds, **fields):
    return post(f"lake {rkey}", rkey=rkey, time_us=NOON_US + seconds * SECOND_US, **fields)


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Counts are not given up on a busy machine."""
    for module in (page, analysis):
        monkeypatch.setattr(module, "COUNT_SECONDS", 30)


@pytest.fixture
def posts(lake):
    lake.flush(*(at(f"k{n}", 10 * n) for n in range(6)), at("b", 15, did=BOB))
    return lake


def ask(client, query, path="/search"):
    response = client.get(f"{path}?{query}")
    assert response.status_code == 200, response.content
    return response.json()


def keys(body):
    return [row["id"].rsplit("/", 1)[1] for row in body["results"]]


def compact(lake):
    Compactor(lake.root, lake.root / SCRATCH, 1, 0, 0, lambda: False).round(daily=True, patient=False)


def later(lake):
    """A replayed day, an update, a new post, two deletes and an account that left."""
    lake.flush(at("late", 5), at("k0", 25, operation="update", rev="3zzzzzzzzzzzz"), at("new", 99))
    lake.flush(delete("k1", time_us=NOON_US + 120 * SECOND_US), delete("k5", time_us=NOON_US + 121 * SECOND_US))
    lake.flush(account(False, "deactivated", did=BOB))


def test_the_same_request_later_gives_the_same_less_what_was_deleted(posts, client):
    before = ask(client, "text=lake")
    assert before["meta"]["as_of"] == "2026-07-01T12:00:50.000000Z"
    assert before["meta"]["removed_since"] == 0
    later(posts)
    for prepare in (lambda: None, lambda: compact(posts)):
        prepare()
        again = ask(client, f"text=lake&as_of={before['meta']['as_of']}")
        assert keys(again) == [key for key in keys(before) if key not in ("k1", "k5", "b")]
        assert (again["meta"]["total"], again["meta"]["total_relation"]) == (4, "eq")
        assert again["meta"]["as_of"] == before["meta"]["as_of"]
        assert again["meta"]["removed_since"] == 3
    now = ask(client, "text=lake")
    assert set(keys(now)) == {"late", "k0", "new", "k2", "k3", "k4"}
    assert now["meta"]["removed_since"] == 0


@pytest.mark.parametrize(
    ("query", "removed"),
    [
        ("", 3),
        ("text=nothing", 3),
        (f"did={BOB}", 1),
        (f"text=from:{ALICE} lake", 2),
        ("end=2026-07-01T12:00:12Z", 1),
        ("clock=created", None),
        ("sample=2", 3),
        ("dataset=deletes", 0),
    ],
)
def test_removed_since_counts_what_has_gone_from_the_window(posts, client, query, removed):
    moment = ask(client, "")["meta"]["as_of"]
    later(posts)
    compact(posts)
    assert ask(client, f"{query}&as_of={moment}")["meta"]["removed_since"] == removed


def test_what_was_deleted_before_the_moment_is_not_counted(posts, client):
    later(posts)
    moment = ask(client, "")["meta"]["as_of"]
    assert ask(client, f"as_of={moment}")["meta"]["removed_since"] == 0
    posts.flush(delete("k2", time_us=NOON_US + 60 * SECOND_US))
    assert ask(client, f"as_of={moment}")["meta"]["removed_since"] == 1


def test_likes_that_were_taken_back_since_are_counted(posts, client):
    posts.flush(*(like(f"at://x/{n}") for n in range(3)))
    body = ask(client, "dataset=likes")
    moment, taken = body["meta"]["as_of"], keys(body)[1]
    posts.flush(delete(taken, "app.bsky.feed.like", time_us=NOON_US + HOUR_US, rev=tid(NOON_US + HOUR_US)))
    again = ask(client, f"dataset=likes&as_of={moment}")
    assert (len(keys(again)), again["meta"]["removed_since"]) == (2, 1)


def test_a_token_belongs_to_its_moment_and_carries_what_was_counted(posts, client):
    moment = ask(client, "")["meta"]["as_of"]
    later(posts)
    first = ask(client, f"as_of={moment}&limit=2")
    posts.flush(delete("k4", time_us=NOON_US + 200 * SECOND_US))
    second = ask(client, f"as_of={moment}&limit=2&token={first['meta']['next']}")
    assert (first["meta"]["removed_since"], second["meta"]["removed_since"]) == (3, 3)
    assert second["meta"]["as_of"] == moment
    assert client.get(f"/search?limit=2&token={first['meta']['next']}").status_code == 400


def test_a_moment_is_a_time_or_a_whole_day_that_has_come(posts, client):
    answer = client.get("/search?as_of=2026-07-01")
    assert answer.status_code == 400
    assert answer.json()["error"]["details"] == [
        {"field": "as_of", "message": "is later than what is here: use 2026-07-01T12:00:50.000000Z or earlier."}
    ]
    posts.flush(at("next", 24 * 3600))
    assert len(keys(ask(client, "as_of=2026-07-01"))) == 7
    assert keys(ask(client, "as_of=2026-07-01T12:00:10Z")) == ["k1", "k0"]
    assert keys(ask(client, "as_of=2026-07-01T12:00:09.999999Z")) == ["k0"]


def test_a_lake_without_rows_has_no_moment(db, client):
    assert ask(client, "")["meta"]["as_of"] is None
    assert "nothing has been collected" in client.get("/search?as_of=2026-07-01").json()["error"]["message"]


def test_timelines_top_exports_and_manifests_are_of_the_moment(posts, client, tmp_path):
    moment = ask(client, "")["meta"]["as_of"]
    later(posts)
    query = f"text=lake&as_of={moment}"
    counted = ask(client, f"{query}&by=hour", "/api/v1/timeline")
    authors = ask(client, f"{query}&by=authors", "/api/v1/top")
    assert counted["meta"]["hits"] == authors["results"][0]["hits"] == 4
    for body in (counted, authors):
        assert (body["meta"]["as_of"], body["meta"]["removed_since"]) == (moment, 3)
    download = client.get(f"/export?{query}&format=ndjson&fields=id")
    rows = [json.loads(line) for line in b"".join(download.streaming_content).splitlines()]
    assert len(rows) == 4
    download.close()
    made = ask(client, "", f"/export/manifest/{download['X-Export-Id']}")
    for manifest in (made, ask(client, query, "/export/manifest")):
        told = [manifest[name] for name in ("rows", "as_of", "newest_seen", "removed_since")]
        assert told == [4, moment, moment, 3]
    call_command("export_posts", "--output", str(tmp_path / "f.csv"), "--text", "lake", "--as-of", moment)
    manifest = json.loads((tmp_path / "f.csv.manifest.json").read_text())
    assert (manifest["rows"], manifest["as_of"], manifest["removed_since"]) == (4, moment, 3)


def test_a_manifest_without_a_moment_gives_it_for_the_next_time(posts, client):
    assert CatalogIdentity.objects.get().clock_us == NOON_US + 50 * SECOND_US
    manifest = ask(client, "text=lake", "/export/manifest")
    assert (manifest["as_of"], manifest["removed_since"]) == ("2026-07-01T12:00:50.000000Z", 0)
