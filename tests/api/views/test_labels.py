"""Labels of classifiers over HTTP: in rows, in searches, by their names, and sent."""

import csv
import io
import json
from datetime import UTC, datetime

import pyarrow.parquet as pq

from api.models import ApiKey
from lake.label_models import WaitingLabel
from tests.api.views.test_view import must_be_error
from tests.builders import ALICE, NOON_US, post
from tests.lake.labels.labelling import labels_of, write

LABELLED = datetime.fromisoformat("2026-07-02T00:00:00")


def test_a_hit_has_the_latest_labels_of_classifiers_in_all_forms(lake, client):
    lake.flush(post("one", rkey="k1"), post("two", rkey="k2"))
    assert [hit["labels"] for hit in client.get("/search").json()["results"]] == [[], []]
    said = {"model": "m", "labelled_at": LABELLED}
    older, newer = {"score": 0.1, **said}, {"score": 0.9, "version": "2", **said}
    one = next(row for row in lake.rows("posts") if row["rkey"] == "k1")
    write(lake.root, labels_of(one, older, newer, {"name": "lang", "value": "ja", **said}))
    at = "2026-07-02T00:00:00.000000Z"
    lang = {"name": "lang", "score": None, "value": "ja", "model": "m", "version": None, "labelled_at": at}
    toxic = {"name": "toxic", "score": 0.9, "value": None, "model": "m", "version": "2", "labelled_at": at}
    hits = client.get("/search?sort=oldest").json()["results"]
    assert [hit["labels"] for hit in hits] == [[lang, toxic], []]
    uris = {"uris": [hit["id"] for hit in hits]}
    found = client.post("/api/v1/posts", uris, content_type="application/json").json()["results"]
    assert {hit["id"][-2:]: hit["labels"] for hit in found} == {"k1": [lang, toxic], "k2": []}
    fields = "sort=oldest&fields=text,labels"
    lines = client.get(f"/export?format=ndjson&{fields}").getvalue().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"text": "one", "labels": [lang, toxic]},
        {"text": "two", "labels": []},
    ]
    (_, *rows) = csv.reader(client.get(f"/export?{fields}").getvalue().decode().splitlines())
    assert [(text, json.loads(labels)) for text, labels in rows] == [("one", [lang, toxic]), ("two", [])]
    table = pq.read_table(io.BytesIO(client.get(f"/export?format=parquet&{fields}").getvalue())).to_pylist()
    assert [label["score"] for label in table[0]["labels"]] == [None, 0.9]
    assert table[0]["labels"][1]["labelled_at"] == datetime(2026, 7, 2, tzinfo=UTC)
    assert table[1]["labels"] == []
    assert [hit["text"] for hit in client.get("/search?label=toxic").json()["results"]] == ["one"]
    assert [hit["text"] for hit in client.get("/search?label=-toxic>=0.5").json()["results"]] == ["two"]
    assert client.get("/search?label=toxic&fields=text").json()["results"] == [{"text": "one"}]


def send(client, labels, key=None):
    headers = {"X-API-Key": key} if key else {}
    return client.post("/api/v1/labels", {"labels": labels}, content_type="application/json", headers=headers)


def new_key(**fields):
    key = ApiKey(name="classifier", **fields)
    secret = key.make_secret()
    key.save()
    return secret


def test_labels_are_taken_from_keys_that_may_send_them(lake, client):
    lake.flush(post("one", rkey="k1"))
    uri = f"at://{ALICE}/app.bsky.feed.post/k1"
    must_be_error(send(client, []), 401, "not_authenticated")
    must_be_error(send(client, [], new_key()), 403, "may_not_label")
    key = new_key(may_label=True)
    good, odd = {"uri": uri, "label": "toxic", "score": 0.9}, {"uri": "x", "label": "toxic"}
    response = send(client, [good, odd, {"label": "x"}, {**good, "score": 2}], key)
    assert response.status_code == 202
    answer = response.json()
    assert (answer["accepted"], answer["rejected"]) == (1, 3)
    assert [one["index"] for one in answer["reasons"]] == [1, 2, 3]
    assert WaitingLabel.objects.get().name == "toxic"
    for body in ([], {"labels": 5}, {"labels": [5]}, {"labels": [good] * 10_001}, {"label": []}):
        response = client.post("/api/v1/labels", body, content_type="application/json", headers={"X-API-Key": key})
        must_be_error(response, 400, "invalid_parameter")


def test_names_and_the_share_of_each_day_are_counted(lake, client):
    empty = client.get("/api/v1/labels/names").json()
    assert (empty["results"], empty["days"]) == ([], [])
    lake.flush(*(post("hi", rkey=f"k{n}", time_us=NOON_US + n * 3_600_000_000 * 8) for n in range(4)))
    said = {"model": "m", "labelled_at": LABELLED}
    rows = {row["rkey"]: row for row in lake.rows("posts")}
    write(lake.root, labels_of(rows["k0"], {"score": 0.1, **said}, {"score": 0.9, **said}, {"name": "lang", **said}))
    write(lake.root, labels_of(rows["k2"], {"score": 0.5, **said, "model": None}))
    answer = client.get("/api/v1/labels/names").json()
    at = "2026-07-02T00:00:00.000000Z"
    times = {"first": at, "last": at}
    assert answer["results"] == [
        {"name": "lang", "model": "m", "posts": 1, "labels": 1, **times},
        {"name": "toxic", "model": None, "posts": 1, "labels": 1, **times},
        {"name": "toxic", "model": "m", "posts": 1, "labels": 2, **times},
    ]
    assert answer["days"] == [
        {"day": "2026-07-01", "posts": 2, "labelled": 1, "share": 0.5},
        {"day": "2026-07-02", "posts": 2, "labelled": 1, "share": 0.5},
    ]
    assert client.get("/api/v1/labels/names?end=2026-07-01").json()["days"] == answer["days"][:1]
    assert [one["name"] for one in client.get("/api/v1/labels/names?start=2026-07-02").json()["results"]] == ["toxic"]
