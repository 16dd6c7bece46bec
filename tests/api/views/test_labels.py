"""Labels of classifiers over HTTP: in rows, in searches, by their names, and sent."""

import csv
import io
import json
from datetime import UTC, datetime

import pyarrow.parquet as pq

from tests.builders import post
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
