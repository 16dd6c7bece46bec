"""Whether this process lives, what works of the whole, and where to begin."""

import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, nullcontext

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext

from api.health import readings
from deploy.local.child import ROOT
from lake.catalog import probe
from process import heartbeats
from process.instants import now_us
from tests.builders import post


@pytest.fixture(autouse=True)
def folder(tmp_path, settings):
    settings.DATABASE_PATH = tmp_path / "catalog.sqlite3"


def beats(*names):
    """These processes live."""
    for name in names:
        heartbeats._write(heartbeats.path(name), {"doing": "works", "started": time.time()})


def test_a_process_that_is_about_to_be_stopped_tells_the_proxy_and_serves_on(client, tmp_path, monkeypatch):
    monkeypatch.setattr("explorer.health.LEAVING", tmp_path / "leaving")
    assert client.get("/health/accepting").status_code == 200
    (tmp_path / "leaving").touch()
    assert client.get("/health/accepting").status_code == 503
    assert client.get("/health/live").status_code == 200


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
    beats("consumer", "flusher", "compactor")
    lake.flush(post())
    response = client.get("/health/ready")
    assert response.status_code == 200
    names = ["stream", "buffer", "flusher", "compactor", "handles", "lake", "catalog", "engine"]
    assert {name: state["ok"] for name, state in response.json()["components"].items()} == dict.fromkeys(names, True)


def test_ready_names_the_process_that_is_not_there_and_searches_go_on(lake, client):
    beats("flusher", "compactor")
    response = client.get("/health/ready")
    assert response.status_code == 200
    faults = {name: state["message"] for name, state in response.json()["components"].items() if not state["ok"]}
    assert faults == {"stream": "consume_jetstream was never started with this DATABASE_PATH: start it"}


def test_ready_tells_no_path(lake, client, lake_root, settings):
    assert str(lake_root) not in client.get("/health/ready").content.decode()
    lake.flush(post())
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    next(lake_root.rglob("*.parquet")).write_bytes(b"x" * 100)
    word = {"doing": "ended", "error": f"The disk of {lake_root} is full", "fault": "lake"}
    heartbeats._write(heartbeats.path("flusher"), word)
    told = client.get("/health/ready").content.decode()
    assert "The disk of LAKE_ROOT is full" in told
    assert str(lake_root) not in told


def test_ready_with_an_empty_lake(lake, client):
    assert client.get("/health/ready").json()["ready"]


def test_ready_says_that_redis_is_down_and_stays_ready(lake, client, settings):
    lake.flush(post())
    settings.REDIS_URL = "redis://user:secret@127.0.0.1:1/0"
    response = client.get("/health/ready")
    assert response.status_code == 200
    assert not response.json()["components"]["buffer"]["ok"]
    assert "goes on without it" in response.json()["components"]["buffer"]["message"]
    assert "secret" not in response.content.decode()


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


def test_a_lake_is_fresh_for_two_flush_intervals_and_a_minute(lake, client, settings, monkeypatch):
    monkeypatch.setattr(readings, "STARTED", time.time())
    settings.FLUSH_INTERVAL_SECONDS = 5
    beats("consumer", "flusher", "compactor")
    new = client.get("/health/fresh")
    assert (new.status_code, new.json()["newest"], new.json()["limit_seconds"]) == (200, None, 70)
    lake.flush(post(rkey="new", time_us=now_us() - 10_000_000))
    answer = client.get("/health/fresh")
    assert (answer.status_code, answer.json()["fresh"], answer.json()["faults"]) == (200, True, {})
    settings.FLUSH_INTERVAL_SECONDS = -28  # four seconds in all
    stale = client.get("/health/fresh")
    assert (stale.status_code, stale.json()["stage"]) == (503, "stream")
    assert 10 <= stale.json()["age_seconds"] < 60


def test_a_reading_is_shared_with_those_who_asked_before_it_began_and_with_nobody_else(monkeypatch):
    monkeypatch.setattr(readings, "_take", lambda: "new")
    for begun, given in ((time.monotonic() - 1, "new"), (time.monotonic() + 60, "shared")):
        monkeypatch.setattr(readings, "_latest", (begun, "shared"))
        assert readings.take() == given


def test_a_catalog_that_is_missing_locked_or_no_catalog_is_named(tmp_path, client, db, lake_root, monkeypatch):
    beats("consumer", "flusher", "compactor")
    path = tmp_path / "catalog.sqlite3"
    monkeypatch.setitem(connection.settings_dict, "NAME", str(path))
    monkeypatch.setattr(probe, "LOCK_SECONDS", 0.05)
    for words, status in (("is missing", 503), ("no such table", 503), ("locked", 200)):
        with closing(sqlite3.connect(path, isolation_level=None)) if words != "is missing" else nullcontext() as holder:
            if words == "locked":
                holder.executescript("PRAGMA journal_mode=WAL; CREATE TABLE lake_datafile (id); BEGIN IMMEDIATE;")
            elif holder:
                holder.execute("CREATE TABLE other (id)")
            answer = client.get("/health/ready")
        assert answer.status_code == status, answer.json()
        named = {name: state["message"] for name, state in answer.json()["components"].items() if not state["ok"]}
        assert named["catalog"].count(words) == 1
        assert named.keys() <= {"catalog", "buffer"}
        assert str(tmp_path) not in named["catalog"]


@pytest.mark.parametrize("name", ["consumer", "redis", ""])
def test_check_health_is_one_sentence_and_an_exit_code(name):
    if name in heartbeats.COMMANDS:
        missing = check_health(name)
        assert missing.returncode == 1
        assert missing.stderr.startswith(f"{name}: ")
        beats(name)
    done = check_health(name)
    assert done.returncode == (name not in heartbeats.COMMANDS)
    assert len((done.stdout + done.stderr).splitlines()) == 1
    assert name in heartbeats.COMMANDS or f"one of {', '.join(heartbeats.COMMANDS)}" in done.stderr


def check_health(name):
    environment = {"PATH": os.environ["PATH"], "DATABASE_PATH": str(settings.DATABASE_PATH)}
    return subprocess.run(
        [sys.executable, "manage.py", "check_health", name], cwd=ROOT, env=environment, capture_output=True, text=True
    )


@pytest.mark.parametrize("name", ["search", "export", "health", "metrics", "docs", "admin"])
def test_the_root_links_to_everything(lake, client, name):
    link = client.get("/").json()["links"][name]
    assert link.startswith("http://testserver/")
    assert client.get(link.removeprefix("http://testserver")).status_code in (200, 302)


def test_the_docs_are_served_as_they_are(client, db):
    assert b"## Search" in client.get("/api/guide").content
