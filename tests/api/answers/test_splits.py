"""top to its end, and timelines in series, over HTTP, against plain counting of generated rows."""

import random
from collections import Counter
from datetime import UTC, datetime
from itertools import product

import pytest

from lake.scan import full_scan
from lake.search import split_timeline
from tests.builders import NOON_US, commit, delete, post
from tests.lake.labels.labelling import labels_of, write

DAY_US = 86_400_000_000
WORDS, LANGS, TAGS = (
    ["lake", "fish", "boat"],
    [["en"], ["pt", "en"], ["ja"], []],
    ["", " #one", " #two #one", " #Three"],
)
COLLECTIONS = {"likes": "app.bsky.feed.like", "reposts": "app.bsky.feed.repost", "follows": "app.bsky.graph.follow"}
WHEN = {"createdAt": "2026-07-01T11:59:59.123Z"}
LABELS = ["toxic", "lang", "political"]


def did(number):
    return f"did:plc:{'abcdefgh'[number] * 24}"


def uri(number):
    return f"at://{did(number)}/app.bsky.feed.post/k{number}"


def generated(seed):
    """Rows by dataset: author, day, and what a row is counted by."""
    random.seed(seed)
    rows = {name: [] for name in ("posts", *COLLECTIONS)}
    frames = []
    for n in range(60):
        author, day = min(int(random.expovariate(0.6)), 7), random.randrange(3)
        words, langs, tags = random.sample(WORDS, random.randrange(4)), random.choice(LANGS), random.choice(TAGS)
        parent = uri(random.randrange(4)) if random.random() < 0.5 else None
        reply = {"reply": {end: {"uri": parent, "cid": "bafyreib"} for end in ("root", "parent")}} if parent else {}
        text = f"{' '.join(words)}{tags}"
        seen = NOON_US + day * DAY_US + n
        frames.append(post(text, did=did(author), rkey=f"p{n}", time_us=seen, langs=langs, **reply))
        found = {tag.lower() for tag in tags.replace("#", "").split()}
        said = {"key": f"p{n}", "author": did(author), "day": day, "term": words, "lang": langs, "tag": found}
        rows["posts"].append(said | {"to": parent, "label": random.sample(LABELS, random.randrange(3))})
        for name, collection in COLLECTIONS.items():
            subject = did(random.randrange(5)) if name == "follows" else uri(random.randrange(5))
            target = subject if name == "follows" else {"uri": subject, "cid": "bafyreib"}
            record = {"$type": collection, "subject": target, **WHEN}
            frames.append(commit(collection, record, did=did(author), rkey=f"i{n}", time_us=NOON_US + n, rev="a"))
            if n % 10 == 0:
                frames.append(delete(f"i{n}", collection, did=did(author), time_us=NOON_US + 100 + n, rev="b"))
            else:
                rows[name].append(subject)
    return rows, frames


@pytest.fixture
def rows(lake):
    rows, frames = generated(7)
    for start in range(0, len(frames), 150):
        lake.flush(*frames[start : start + 150])
    labels, stored = {row["key"]: row["label"] for row in rows["posts"]}, lake.rows("posts")
    said = (({"name": name, "model": model} for name in labels[row["rkey"]] for model in "mn") for row in stored)
    write(lake.root, [label for row, each in zip(stored, said, strict=True) for label in labels_of(row, *each)])
    return rows


def ask(client, name, **parameters):
    response = client.get(f"/api/v1/{name}", parameters)
    assert response.status_code == 200, response.content
    return response.json()


def ranked(counts):
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))


def walked(client, **parameters):
    found, token = [], ""
    while token is not None:
        body = ask(client, "top", **parameters, **({"token": token} if token else {}))
        found += [(row["value"], row["hits"]) for row in body["results"]]
        token = body["meta"]["next"]
        assert body["meta"]["distinct"] >= len(found)
    return found


def test_top_pages_to_the_last_value_in_the_order_of_all(rows, client):
    authors = Counter(row["author"] for row in rows["posts"])
    targets = ranked(Counter(row["to"] for row in rows["posts"] if row["to"]))
    for limit in (2, 50):
        for dataset in COLLECTIONS:
            assert walked(client, dataset=dataset, by="subjects", limit=limit) == ranked(Counter(rows[dataset]))
        assert walked(client, by="replied_to", limit=limit) == walked(client, by="roots", limit=limit) == targets
        assert walked(client, by="quoted", limit=limit) == []
        assert walked(client, limit=limit) == ranked(authors)
    assert walked(client, limit=1) == ranked(authors)


def test_pages_of_top_are_over_what_the_first_one_counted(rows, lake, client):
    first = ask(client, "top", by="roots", limit=1)
    later = {"time_us": NOON_US + 5 * DAY_US, "reply": {"root": {"uri": uri(1), "cid": "b"}}}
    lake.flush(*(post("late", rkey=f"z{n}", **later) for n in range(99)))
    rest = ask(client, "top", by="roots", limit=50, token=first["meta"]["next"])["results"]
    targets = ranked(Counter(row["to"] for row in rows["posts"] if row["to"]))
    assert [(row["value"], row["hits"]) for row in rest] == targets[1:]
    assert client.get("/api/v1/top", {"by": "quoted", "token": first["meta"]["next"]}).status_code == 400
    assert client.get("/api/v1/top", {"by": "roots", "token": "x"}).status_code == 400


def at(day):
    return f"{datetime.fromtimestamp((NOON_US + day * DAY_US) / 1e6, UTC):%Y-%m-%d}T00:00:00.000000Z"


def series(posts, split, most):
    """The largest values, how many more there are, and hits by day and value."""
    values = [[row[split]] if split == "author" else row[split] for row in posts]
    totals = ranked(Counter(value for some in values for value in set(some)))
    shown = {value for value, _ in totals[:most]}
    counts = Counter()
    for row, some in zip(posts, values, strict=True):
        for value in set(some) or {None}:
            counts[at(row["day"]), value if value in shown else None] += 1
    return totals[:most], len(totals) - len(shown), dict(counts)


def test_a_timeline_in_series_is_what_plain_counting_gives(rows, client):
    posts, every = [row for row in rows["posts"] if row["term"]], Counter(at(row["day"]) for row in rows["posts"])
    for split, most in product(["author", "lang", "tag", "label", "term"], [1, 2, 100]):
        body = ask(client, "timeline", any=WORDS, split=split, series=most)
        largest, more, counts = series(posts, split, most)
        assert {(row["start"], row["value"]): row["hits"] for row in body["results"]} == counts, split
        assert [(one["value"], one["hits"]) for one in body["meta"]["split_values"]] == largest
        assert (body["meta"]["more"], body["meta"]["hits"]) == (more, len(posts))
        assert all(row["all"] == every[row["start"]] for row in body["results"])


def test_likes_are_counted_by_user_and_day_for_a_cohort(rows, client):
    cohort = {"dataset": "likes", "did": [did(n) for n in range(8)] + [f"did:plc:{n:024}" for n in range(9_992)]}
    asked = cohort | {"split": "author", "series": 10_000}
    body = client.post("/api/v1/timeline", asked, content_type="application/json").json()
    assert sum(row["hits"] for row in body["results"]) == len(rows["likes"])
    assert {row["value"] for row in body["results"]} <= set(cohort["did"])


def test_what_would_be_too_much_is_refused_with_what_to_do(rows, client, monkeypatch):
    monkeypatch.setattr(split_timeline, "MOST_COUNTS", 3)
    answer = client.get("/api/v1/timeline?split=author").json()["error"]
    assert answer["details"][0]["field"] == "by"
    assert "take fewer series" in answer["message"]
    monkeypatch.setattr(full_scan, "MOST_VALUES", 2)
    for path, field in (("timeline?split=author", "split"), ("top", "by")):
        answer = client.get(f"/api/v1/{path}").json()["error"]
        assert answer["details"][0]["field"] == field
        assert "narrow the dates" in answer["message"]


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("timeline?split=term", "split"), ("timeline?split=lang&dataset=likes", "split"), ("timeline?split=x", "split"),
        ("timeline?split=label&dataset=likes", "split"),
        ("top?by=subjects", "by"), ("top?by=quoted&dataset=likes", "by"), ("top?by=subjects&dataset=profiles", "by"),
        ("timeline?split=author&series=10001", "series"),
    ],
)  # fmt: skip
def test_what_a_dataset_can_not_be_split_by_is_a_fault(db, client, path, field):
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == 400
    assert [detail["field"] for detail in answer.json()["error"]["details"]] == [field]


def test_series_have_the_hits_of_their_times_also_when_a_post_is_deleted_between_both_counts(client, lake, monkeypatch):
    lake.flush(*(post("lake", rkey=f"p{n}", rev="a", time_us=NOON_US + n) for n in range(3)))
    before = full_scan.FullScan.slices

    def deleted_right_after(scan, search, columns, *given, **values):
        if "series" in values:
            monkeypatch.undo()
            lake.flush(delete("p0", rev="b", time_us=NOON_US + 9))
        return before(scan, search, columns, *given, **values)

    monkeypatch.setattr(full_scan.FullScan, "slices", deleted_right_after)
    answer = client.get("/api/v1/timeline?split=author").json()
    assert [row["hits"] for row in answer["results"]] == [2]
    assert [value["hits"] for value in answer["meta"]["split_values"]] == [2]
