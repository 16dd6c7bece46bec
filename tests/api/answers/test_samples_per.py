"""sample_per: a sample of each hour, day or week, over HTTP, against md5 in plain Python."""

import json
from datetime import UTC, datetime, timedelta
from hashlib import md5

import pytest

from lake.search import sample
from tests.builders import ALICE, NOON_US, delete, post

HOUR_US = 3_600_000_000
TIMES = {n: NOON_US + n * 5 * HOUR_US for n in range(80)}  # 16 days


@pytest.fixture
def posts(lake):
    lake.flush(*(post("lake", rkey=f"k{n}", time_us=us, rev="a") for n, us in TIMES.items()))
    return lake


def uri(number):
    return f"at://{ALICE}/app.bsky.feed.post/k{number}"


def begin(us, per):
    time = datetime.fromtimestamp(us / 1e6, UTC)
    hour = time.replace(minute=0, second=0, microsecond=0)
    return {"hour": hour, "day": (day := hour.replace(hour=0)), "week": day - timedelta(days=day.weekday())}[per]


def drawn(numbers, per, size, seed):
    """URIs of the first stretch first, by hash."""
    stretches = {}
    for number in numbers:
        stretches.setdefault(begin(TIMES[number], per), []).append(uri(number))
    return [
        one
        for _, uris in sorted(stretches.items())
        for one in sorted(uris, key=lambda one: md5((seed + one).encode()).hexdigest())[:size]
    ]


def page(client, **asked):
    response = client.get("/search", {"sample": 2, "seed": "s", **asked})
    assert response.status_code == 200, response.content
    return [row["id"] for row in response.json()["results"]]


def exported(client, **asked):
    response = client.get("/export", {"sample": 2, "seed": "s", "format": "ndjson", "fields": "id", **asked})
    assert response.status_code == 200, response.getvalue()
    return [json.loads(line)["id"] for line in b"".join(response).splitlines()]


@pytest.mark.parametrize("size", [3, *(pytest.param(size, marks=pytest.mark.slow) for size in (1, 50))])
def test_a_sample_of_each_stretch_is_what_md5_says(posts, client, size):
    for per in sample.PER:
        expected = drawn(TIMES, per, size, "s")
        assert page(client, sample=size, sample_per=per) == expected
        assert sorted(exported(client, sample=size, sample_per=per)) == sorted(expected)
        manifest = client.get("/export/manifest", {"sample": size, "sample_per": per}).json()
        assert (manifest["rows"], manifest["rows_relation"]) == (len(expected), "eq")


def test_a_delete_removes_only_itself(posts, client):
    before = page(client, sample_per="day")
    gone = before[5]
    posts.flush(delete(gone.rpartition("/")[2], time_us=NOON_US + 500 * HOUR_US, rev="b"))
    after = page(client, sample_per="day")
    kept = [number for number in TIMES if uri(number) != gone]
    assert after == drawn(kept, "day", 2, "s")
    assert set(before) - set(after) == {gone}
    assert len(set(after) - set(before)) <= 1


def test_too_many_rows_are_refused_with_what_to_do(posts, client, monkeypatch):
    monkeypatch.setattr("api.answers.page.MAX_LIMIT", 20)
    monkeypatch.setattr(sample, "MOST", 20)
    for path in ("/search", "/export"):
        answer = client.get(path, {"sample": 2, "sample_per": "day"})
        assert answer.status_code == 400
        assert "take fewer" in answer.json()["error"]["message"]
    alone = client.get("/search?sample_per=day").json()["error"]["details"]
    assert [detail["field"] for detail in alone] == ["sample_per"]
