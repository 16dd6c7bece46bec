"""Whether this process lives, what works of the whole, and where to begin."""

import pytest
from django.db import OperationalError, connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from tests.builders import post


def test_live_touches_nothing(client, db, settings, monkeypatch):
    monkeypatch.setattr("api.answers.reader.Reader", None)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = client.get("/health/live")
    assert (response.status_code, response.content, len(queries)) == (200, b"live\n", 0)


def test_live_needs_no_database_at_all(client):
    assert client.get("/health/live").status_code == 200


def test_ready_when_all_works(lake, client):
    lake.flush(post())
    response = client.get("/health/ready")
    assert response.status_code == 200
    assert {name: state["ok"] for name, state in response.json()["components"].items()} == {
        "catalog": True,
        "lake": True,
        "engine": True,
        "buffer": True,
        "flusher": True,
    }


def test_ready_tells_no_path(lake, client, lake_root, settings):
    assert str(lake_root) not in client.get("/health/ready").content.decode()
    lake.flush(post())
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    next(lake_root.rglob("*.parquet")).write_bytes(b"x" * 100)
    told = client.get("/health/ready").content.decode()
    assert "LAKE_ROOT" in told
    assert str(lake_root) not in told


def test_ready_with_an_empty_lake(lake, client):
    assert client.get("/health/ready").json()["ready"]


def test_ready_says_that_redis_is_down_and_stays_ready(lake, client, settings):
    lake.flush(post())
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response = client.get("/health/ready")
    assert response.status_code == 200
    assert not response.json()["components"]["buffer"]["ok"]
    assert "goes on without it" in response.json()["components"]["buffer"]["message"]


def test_not_ready_when_a_listed_file_is_missing(lake, client, lake_root):
    lake.flush(post())
    (path,) = lake_root.rglob("*.parquet")
    path.unlink()
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert path.name in response.json()["components"]["lake"]["message"]


def test_not_ready_when_the_newest_file_is_damaged(lake, client, lake_root):
    lake.flush(post())
    next(lake_root.rglob("*.parquet")).write_bytes(b"x" * 100)
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert not response.json()["components"]["engine"]["ok"]


def test_not_ready_when_the_catalog_can_not_be_read(lake, client, monkeypatch):
    def unreadable(*_args, **_values):
        raise OperationalError("disk I/O error")

    monkeypatch.setattr(QuerySet, "count", unreadable)
    response = client.get("/health/ready")
    assert response.status_code == 503
    assert "disk I/O error" in response.json()["components"]["catalog"]["message"]


@pytest.mark.parametrize("name", ["search", "export", "health", "metrics", "docs", "admin"])
def test_the_root_links_to_everything(lake, client, name):
    link = client.get("/").json()["links"][name]
    assert link.startswith("http://testserver/")
    assert client.get(link.removeprefix("http://testserver")).status_code in (200, 302)


def test_the_docs_are_served_as_they_are(client, db):
    assert b"## Search" in client.get("/api/guide").content
