"""POST /api/v1/rows: rows of any dataset by URI, in each format, against a plain reading of the events."""

import csv
import io
import json

import pyarrow.parquet as pq
import pytest

from lake.export import listed_rows
from lake.search import by_uri
from tests.builders import ALICE, BOB, NOON_US, account, commit, delete, like, post
from tests.lake.what_shows import World

HOUR_US = 3_600_000_000
REF = {"uri": f"at://{ALICE}/app.bsky.feed.post/p1", "cid": "bafyreib"}
CREATED = {"createdAt": "2026-07-01T11:59:59.123Z"}
FORMATS = ["json", "ndjson", "csv", "parquet"]


def events():
    yield from (post(f'lake {n}\n, "one"', rkey=f"p{n}", time_us=NOON_US + n * HOUR_US, rev=f"a{n}") for n in range(6))
    yield post("newer", "update", rkey="p3", time_us=NOON_US + 9 * HOUR_US, rev="b")
    yield delete("p4", time_us=NOON_US + 9 * HOUR_US, rev="b")
    yield like(REF["uri"], did=BOB)
    yield commit("app.bsky.feed.repost", {"$type": "app.bsky.feed.repost", "subject": REF, **CREATED}, did=BOB)
    for n, kind in enumerate(("follow", "block")):
        record = {"$type": f"app.bsky.graph.{kind}", "subject": BOB, **CREATED}
        yield commit(f"app.bsky.graph.{kind}", record, rkey=f"g{n}", time_us=NOON_US + n, rev="a")
    yield delete("g1", "app.bsky.graph.block", time_us=NOON_US + 5, rev="b")
    yield commit("app.bsky.actor.profile", {"$type": "app.bsky.actor.profile", "displayName": "A"}, rkey="self")
    for n in range(2):
        record = {"$type": f"app.bsky.feed.gate{n}", "post": REF["uri"]}
        yield commit(f"app.bsky.feed.gate{n}", record, rkey="same", time_us=NOON_US, rev="a")
    yield post("hers", did="did:plc:gone", rkey="x", rev="a")
    yield account(active=False, status="takendown", did="did:plc:gone")


@pytest.fixture
def world(lake):
    frames = list(events())
    for start in range(0, len(frames), 5):  # several files an hour
        lake.flush(*frames[start : start + 5])
    world = World()
    world.add(*frames)
    return world


def asked(client, uris, **more):
    response = client.post("/api/v1/rows", {"uris": uris, **more}, content_type="application/json")
    assert response.status_code == 200, response.getvalue()
    return response, b"".join(response)


def read(form, body):
    match form:
        case "json":
            return json.loads(body)["results"]
        case "ndjson":
            return [json.loads(line) for line in body.splitlines()]
        case "csv":
            return list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    return pq.read_table(io.BytesIO(body)).to_pylist()


def uris_of(world):
    commits = {row.uri for row in world.rows if row.dataset != "accounts"}
    return [*sorted(commits), f"at://{BOB}/app.bsky.feed.post/nobody"]


def expected(world):
    """Dataset by URI of what shows, and the state of the rest."""
    shown, rest = {}, {}
    for uri in uris_of(world):
        state = world.state_of(uri, 2**60)
        if isinstance(state, str):
            rest.setdefault(state, set()).add(uri)
        else:
            shown[uri] = state.dataset
    return shown, rest


@pytest.mark.parametrize("form", FORMATS)
def test_rows_of_all_datasets_in_one_request(world, client, form):
    response, body = asked(client, uris_of(world), format=form)
    shown, rest = expected(world)
    assert len(set(shown.values())) == 6
    found = read(form, body)
    assert {row["id"]: row["dataset"] for row in found} == shown
    assert len(found) == len(shown)
    if form == "json":
        told = json.loads(body)["meta"]
    else:
        manifest = client.get(f"/export/manifest/{response['X-Export-Id']}").json()
        assert (manifest["state"], manifest["rows"]) == ("complete", len(shown))
        assert manifest["parameters"]["uris"]["number"] == len(uris_of(world))
        section = client.get(f"/export/manifest/{response['X-Export-Id']}?format=text").getvalue().decode()
        assert f"{len(uris_of(world))} records were looked up" in section.replace("\n", " ")
        told = manifest["lookup"]
    assert (told["asked"], told["found"], told["complete"]) == (len(uris_of(world)), len(shown), True)
    assert {"deleted": set(told["deleted"]), "unknown": set(told["unknown"])} == {
        name: rest[name] for name in ("deleted", "unknown")
    }
    assert told["hidden"] == [{"id": "at://did:plc:gone/app.bsky.feed.post/x", "account": "takendown"}]


def test_rows_are_those_of_a_search(world, client):
    """Of each dataset, in the columns that the search has for it."""
    for dataset in ("posts", "likes", "reposts", "follows", "profiles", "records"):
        searched = client.get(f"/search?dataset={dataset}&sort=oldest").json()["results"]
        _, body = asked(client, [row["id"] for row in searched])
        rows = read("json", body)
        shared = [{name: row[name] for name in row if name not in ("matches", "matched")} for row in searched]
        assert [row | {"dataset": dataset} for row in shared] == rows


def test_slices_of_one_row_are_the_same_rows(world, client, monkeypatch):
    whole = read("json", asked(client, uris_of(world))[1])
    monkeypatch.setattr(listed_rows, "FIRST_ROWS", 1)
    monkeypatch.setattr(listed_rows, "MOST_ROWS", 1)
    monkeypatch.setattr(listed_rows, "FEWEST_ROWS", 1)
    assert read("json", asked(client, uris_of(world))[1]) == whole


def test_fields_are_chosen_among_those_of_the_datasets(world, client):
    uris = [f"at://{ALICE}/app.bsky.feed.post/p1", f"at://{ALICE}/app.bsky.graph.follow/g0"]
    _, body = asked(client, uris, format="csv", fields="subject,text,id")
    assert body.startswith(b"id,text,subject\r\n")
    assert [tuple(row.values()) for row in read("csv", body)] == [
        (uris[0], 'lake 1\n, "one"', ""),
        (uris[1], "", BOB),
    ]
    wrong = client.post("/api/v1/rows", {"uris": uris, "fields": "record"}, content_type="application/json")
    assert wrong.json()["error"]["details"][0]["field"] == "fields"
    _, body = asked(client, [f"https://bsky.app/profile/{ALICE}/post/p1", uris[0]], fields=["id"])
    assert read("json", body) == [{"id": uris[0]}]


@pytest.mark.slow
def test_a_hundred_thousand_uris_are_taken_and_no_more(world, client):
    uris = [f"at://{ALICE}/app.bsky.feed.post/{n:020}" for n in range(100_000)]
    _, body = asked(client, [*uris[1:], f"at://{ALICE}/app.bsky.feed.post/p1"], fields="id")
    assert len(body) > 2_621_440
    meta = json.loads(body)["meta"]
    assert (meta["found"], len(meta["unknown"])) == (1, 99_999)
    many = client.post("/api/v1/rows", {"uris": [*uris, "x"]}, content_type="application/json")
    assert "at most 100000" in many.json()["error"]["message"]
    assert client.post("/api/v1/rows", b" " * 10_000_001, content_type="application/json").status_code == 413
    assert client.post("/api/v1/posts", b" " * 3_000_000, content_type="application/json").status_code == 413


@pytest.mark.parametrize("uris", [[], ["x"], [f"at://{ALICE}"], [ALICE], None])
def test_what_is_no_list_of_records_is_a_fault(db, client, uris):
    answer = client.post("/api/v1/rows", {"uris": uris}, content_type="application/json")
    assert answer.status_code == 400
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == ["uris"]


def test_files_are_refused_while_exports_are_off(world, client):
    from constance import config

    config.export_enabled = False
    answer = client.post("/api/v1/rows", {"uris": uris_of(world), "format": "csv"}, content_type="application/json")
    assert answer.status_code == 403
    asked(client, uris_of(world))


def test_a_record_is_told_from_another_with_its_key(world, client):
    uri = f"at://{ALICE}/app.bsky.feed.gate0/same"
    assert [row["id"] for row in read("json", asked(client, [uri])[1])] == [uri]


URI = f"at://{ALICE}/app.bsky.feed.post/p1"


def test_a_post_that_was_deleted_and_made_again_is_found(client, lake):
    lake.flush(post("first", rkey="p1", rev="a"), delete("p1", rev="b", time_us=NOON_US + 1))
    lake.flush(post("again", rkey="p1", rev="c", time_us=NOON_US + 2))
    _, body = asked(client, [URI])
    assert [row["text"] for row in read("json", body)] == ["again"]


def test_a_post_that_is_deleted_while_it_is_looked_for_is_deleted_not_unknown(client, lake, monkeypatch):
    lake.flush(post("here", rkey="p1", rev="a"))
    before = by_uri._deletions

    def deleted_right_after(*given):
        found = before(*given)
        monkeypatch.undo()
        lake.flush(delete("p1", rev="b", time_us=NOON_US + 1))
        return found

    monkeypatch.setattr(by_uri, "_deletions", deleted_right_after)
    _, body = asked(client, [URI])
    meta = json.loads(body)["meta"]
    assert (meta["deleted"], meta["unknown"]) == ([URI], [])
