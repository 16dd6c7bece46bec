"""Answers and exports with pseudonyms: nobody is in their bytes."""

import base64
import csv
import io
import json
import zlib

import pyarrow.parquet as pq
import pytest
from django.core import signing

from api.answers import usernames
from api.models import ApiKey
from ingest.handles.store import Claim, Store
from lake.schema import DATASETS
from tests.builders import ALICE, BOB, NOON_US, commit, delete, identity, like, post, tid
from tests.lake.labels.labelling import labels_of, write

CAROL = "did:plc:carolaaaaaaaaaaaaaaaaaaa"
NAMES = {ALICE: "alice.example", BOB: "bob.bsky.social"}
KEYS = [tid(NOON_US + n) for n in range(8)]
URI = f"at://{ALICE}/app.bsky.feed.post/{KEYS[0]}"
CID = "bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
REF = {"uri": URI, "cid": CID}


def record(collection, rkey, did=ALICE, n=0, **fields):
    own = {"$type": collection, "createdAt": "2026-07-01T11:59:59.123Z", **fields}
    return commit(collection, own, did=did, rkey=rkey, time_us=NOON_US + 100 + n)


def frames():
    link = {"$type": "app.bsky.richtext.facet#link", "uri": f"https://bsky.app/profile/{BOB}/post/{KEYS[1]}"}
    mention = {"$type": "app.bsky.richtext.facet#mention", "did": BOB}
    facet = {"index": {"byteStart": 0, "byteEnd": 4}, "features": [link, mention]}
    image = {"alt": f"by @bob.bsky.social, {CAROL}", "image": {"$type": "blob", "ref": {"$link": CID}}}
    yield post(f"see @alice.example, bob.bsky.social {URI}", rkey=KEYS[0], time_us=NOON_US, facets=[facet])
    embed = {"$type": "app.bsky.embed.images", "images": [image]}
    reply = {"root": REF, "parent": REF}
    yield post("hi", did=BOB, rkey=KEYS[1], time_us=NOON_US + 1, reply=reply, embed=embed, langs=["en", ALICE])
    quote = {"$type": "app.bsky.embed.record", "record": REF}
    labels = {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": CAROL}]}
    yield post(
        f"q {CID}", did=BOB, rkey=KEYS[2], time_us=NOON_US + 1, embed=quote, labels=labels, tags=["alice.example"]
    )
    yield post(f'\u0000{CAROL} "quoted" \\', rkey=KEYS[3], time_us=NOON_US + 1)
    yield like(URI, did=BOB, via=REF)
    yield record("app.bsky.feed.repost", KEYS[1], subject=REF, via=REF)
    yield record("app.bsky.graph.follow", KEYS[2], n=1, subject=BOB)
    yield record("app.bsky.graph.block", KEYS[3], BOB, n=2, subject=CAROL)
    yield record("app.bsky.actor.profile", "self", n=3, displayName="alice.example", description=f"me {CAROL} \\ {URI}")
    yield record("app.bsky.feed.threadgate", KEYS[0], n=4, post=URI, allow=[{"list": f"{URI}\n"}], hidden=[BOB])
    yield delete(KEYS[6], did=CAROL, time_us=NOON_US + 120)
    yield identity("alice.example", time_us=NOON_US + 130)


SECRETS = [did.rpartition(":")[2] for did in (ALICE, BOB, CAROL)] + ["did:plc", "at:/", *NAMES.values(), *KEYS, CID]


@pytest.fixture
def world(lake, tmp_path, settings):
    """A lake in which people are named wherever a record can."""
    settings.HANDLES_PATH = tmp_path / "handles.sqlite3"
    store = Store(settings.HANDLES_PATH, 1).create()
    with store.transaction():
        store.claim([Claim(did, name, 1) for did, name in NAMES.items()])
    usernames.handle_lookup.cache_clear()
    lake.flush(*frames())
    write(
        lake.root,
        [row for one in lake.rows("posts") for row in labels_of(one, {"value": CAROL, "model": "m@bob.bsky.social"})],
    )
    yield lake
    usernames.handle_lookup.cache_clear()


def key(**fields):
    row = ApiKey(name="x", **fields)
    secret = row.make_secret()
    row.save()
    return {"HTTP_X_API_KEY": secret}


def must_name_nobody(body, lake):
    cids = {row["cid"] for dataset in ("posts", "profiles", "records") for row in lake.rows(dataset)}
    low = body.lower()
    found = [secret for secret in {*SECRETS, *cids} if secret and secret.lower().encode() in low]
    assert found == [], [body[max(0, low.find(secret.encode()) - 60) :][:140] for secret in found]


def body_of(response):
    assert response.status_code == 200, response.content
    return response.getvalue()


def parquet(body):
    """All text of the file, which is compressed, with its metadata."""
    table = pq.read_table(io.BytesIO(body))
    return (str(table.to_pydict()) + str(table.schema.metadata)).encode()


@pytest.mark.parametrize("dataset", DATASETS)
def test_an_export_names_nobody(world, client, dataset):
    asked = f"/export?dataset={dataset}&pseudonyms=true&format="
    plain = body_of(client.get(f"/export?dataset={dataset}&format=csv"))
    assert any(secret.encode() in plain for secret in SECRETS)
    bodies = [body_of(client.get(asked + form)) for form in ("csv", "ndjson", "parquet")]
    for body in (bodies[0], bodies[1], parquet(bodies[2])):
        must_name_nobody(body, world)
    as_csv = list(csv.DictReader(io.StringIO(bodies[0].decode().replace("\ufffd", "\0"), newline="")))
    as_json = [json.loads(line) for line in bodies[1].splitlines()]
    names = as_json[0].keys()
    assert [[row[name] or "" for name in ("id", "did", "username")] for row in as_csv] == [
        [row[name] for name in ("id", "did", "username")] for row in as_json
    ]
    table = pq.read_table(io.BytesIO(bodies[2]))
    assert table.column_names == list(names)
    texts = [name for name in names if name not in ("timestamp", "seen_at")]
    assert table.select(texts).to_pylist() == [{name: row[name] for name in texts} for row in as_json]
    page = client.get(f"/search?dataset={dataset}&pseudonyms=true").json()["results"]
    assert [{name: row[name] for name in names if name in row} for row in page] == [
        {name: value for name, value in row.items() if name in page[0]} for row in as_json
    ]


@pytest.mark.parametrize("dataset", DATASETS)
def test_a_search_names_nobody_and_its_tokens_lead_to_the_end(world, client, dataset):
    whole = client.get(f"/search?dataset={dataset}&limit=100").json()["results"]
    masked = client.get(f"/search?dataset={dataset}&limit=100&pseudonyms=true")
    must_name_nobody(masked.content, world)
    walked, token = [], ""
    while token is not None:
        response = client.get(f"/search?dataset={dataset}&limit=1&pseudonyms=true&token={token}")
        page = response.json()
        must_name_nobody(response.content, world)
        walked += page["results"]
        if token := page["meta"]["next"]:
            must_name_nobody(opened(token), world)
    assert walked == masked.json()["results"]
    assert len(walked) == len(whole)


def opened(token):
    """What everybody can read in a token."""
    data = token.rsplit(":", 2)[0]
    raw = base64.urlsafe_b64decode(data.lstrip(".") + "==")
    return zlib.decompress(raw) if data.startswith(".") else raw


def test_a_token_without_pseudonyms_shows_that_the_test_can_read_them(world, client):
    token = client.get("/search?limit=1").json()["meta"]["next"]
    assert json.loads(opened(token)) == signing.loads(token, salt="page")
    assert b"did:plc" in opened(token)


def test_counts_lists_and_threads_name_nobody(world, client):
    lists = {"uris": [URI, f"at://{CAROL}/app.bsky.feed.post/{KEYS[6]}", f"at://{BOB}/app.bsky.feed.post/x"]}
    asked = json.dumps(lists | {"pseudonyms": True})
    answers = [
        client.get("/api/v1/top?by=authors&pseudonyms=true"),
        client.get("/api/v1/top?by=hashtags&pseudonyms=true"),
        client.get("/api/v1/top?by=languages&pseudonyms=true"),
        client.get("/api/v1/timeline?pseudonyms=true"),
        client.get(f"/api/v1/thread?uri={URI}&pseudonyms=true"),
        client.post("/api/v1/posts", asked, content_type="application/json"),
    ]
    for answer in answers:
        assert answer.status_code == 200, answer.content
        must_name_nobody(answer.content, world)
    authors, thread, posts = answers[0].json()["results"], answers[4].json(), answers[5].json()
    assert [row["username"] for row in authors] == [row["value"] for row in authors]
    assert thread["meta"]["root"] == posts["results"][0]["id"]
    assert len(posts["meta"]["deleted"]) == len(posts["meta"]["unknown"]) == 1


def test_matches_are_places_in_the_text_that_is_shown(world, client):
    (row,) = client.get("/search?text=see&pseudonyms=true&fields=text,matches").json()["results"]
    assert [row["text"][begin:end] for begin, end in row["matches"]] == ["see"]
    (row,) = client.get("/search?text=quoted&pseudonyms=true&fields=text,matches").json()["results"]
    assert [row["text"][begin:end] for begin, end in row["matches"]] == ["quoted"]


def test_exports_of_one_key_join_and_those_of_another_do_not(world, client):
    mine, other = key(), key()

    def column(name, dataset, headers):
        body = body_of(client.get(f"/export?dataset={dataset}&format=ndjson&pseudonyms=true", **headers))
        return {json.loads(line)[name] for line in body.splitlines()}

    assert column("subject", "likes", mine) < column("id", "posts", mine)
    assert column("subject", "follows", mine) < column("did", "posts", mine)
    assert column("id", "posts", mine) == column("id", "posts", mine)
    assert column("id", "posts", mine).isdisjoint(column("id", "posts", other) | column("id", "posts", {}))
    secrets = list(ApiKey.objects.values_list("pseudonym_secret", flat=True))
    assert len(set(secrets)) == 2
    assert all(len(secret) == 64 for secret in secrets)


def test_a_key_may_make_them_a_rule(world, client):
    headers = key(force_pseudonyms=True)
    for path in ("/search", "/search?pseudonyms=false", "/export?format=ndjson", "/api/v1/top", "/search?limit=1"):
        must_name_nobody(body_of(client.get(path, **headers)), world)
    assert client.get("/", HTTP_ACCEPT="text/html", **headers).status_code == 403
    token = client.get("/search?limit=1", **headers).json()["meta"]["next"]
    refused = client.get(f"/search?limit=1&token={token}")
    assert (refused.status_code, refused.json()["error"]["details"][0]["field"]) == (400, "token")


def test_the_manifest_says_so_and_the_file_does_not_repeat_whom_it_was_asked_for(world, client):
    response = client.get("/export?username=alice.example&pseudonyms=true&format=parquet")
    body = parquet(body_of(response))
    must_name_nobody(body, world)
    manifest = client.get(f"/export/manifest/{response['X-Export-Id']}").json()
    assert manifest["pseudonyms"] is True
    assert manifest["parameters"]["username"] == ["alice.example"]
    assert "anon:" in manifest["query"]
    assert client.get("/export/manifest").json()["pseudonyms"] is False
