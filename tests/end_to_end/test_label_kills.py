"""kill -9 of what writes labels, at each named step: each label is in the lake once, and nothing is left behind."""

import json
import sqlite3
from contextlib import closing

import pytest

from ingest.simulator.server.server import running
from process.crash_points import CRASH_POINTS
from tests.end_to_end.stack import until
from tests.end_to_end.stream import frames_of, world

POINTS = [point for point in CRASH_POINTS if point.startswith("label:")]
PATIENCE_SECONDS = 120
WAITING = """INSERT INTO lake_waitinglabel (did, rkey, name, score, model, version, received_at)
    VALUES (?, ?, 'toxic', 0.5, '', '', datetime('now'))"""


def uris(stack):
    """Of the posts that show: at most one version of each in this log."""
    rows = [row for dataset, row in stack.lake.rows() if dataset == "posts" and row["state"] is None]
    hidden = set(stack.lake.ask("SELECT did, rkey FROM lake_tombstone WHERE collection = 'app.bsky.feed.post'"))
    away = {did for (did,) in stack.lake.ask("SELECT did FROM lake_inactiveaccount")}
    return [
        f"at://{row['did']}/app.bsky.feed.post/{row['rkey']}"
        for row in rows
        if (row["did"], row["rkey"]) not in hidden and row["did"] not in away
    ]


def labels(stack):
    return sorted((row["rkey"], row["name"], row["score"]) for dataset, row in stack.lake.rows() if dataset == "labels")


def expected(posts):
    return sorted((uri.rpartition("/")[2], "toxic", 0.5) for uri in posts)


def must_be_whole(stack):
    verified = stack.start("verify_lake")
    assert verified.await_end(PATIENCE_SECONDS) == 0, verified.text


pytestmark = pytest.mark.slow


@pytest.fixture
def filled(make_stack):
    log = world(1_500, 0.4, seed=5)
    with running(log) as jetstream:
        stack = make_stack(jetstream.url, FLUSH_INTERVAL_SECONDS="0.2", COMPACT_AFTER_SECONDS="43200")
        consumer = stack.consumer()
        stack.await_depth(len(log))
        stack.settle(frames_of(log), consumer, stack.flusher())
        yield stack


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_import_goes_on_and_doubles_nothing(filled, point):
    posts = uris(filled)
    assert len(posts) > 100
    path = filled.folder / "labels.ndjson"
    path.write_text("".join(json.dumps({"uri": uri, "label": "toxic", "score": 0.5}) + "\n" for uri in posts))
    assert filled.start("import_labels", str(path), CRASH_AT=point).await_end(PATIENCE_SECONDS) == -9
    assert bool(filled.lake.strangers()) == (point != "label:committed")
    again = filled.start("import_labels", str(path))
    assert again.await_end(PATIENCE_SECONDS) == 0, again.text
    assert labels(filled) == expected(posts)
    assert filled.lake.strangers() == set()
    must_be_whole(filled)


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_compactor_joins_what_waits_at_its_next_start(filled, point):
    posts = uris(filled)
    rows = [(*uri.removeprefix("at://").split("/app.bsky.feed.post/"),) for uri in posts]
    with closing(sqlite3.connect(filled.database, timeout=30)) as catalog, catalog:
        catalog.executemany(WAITING, rows)
    assert filled.compactor(CRASH_AT=point).await_end(PATIENCE_SECONDS) == -9
    compactor = filled.compactor()
    until(lambda: not filled.lake.ask("SELECT 1 FROM lake_waitinglabel"), "all are joined", programs=[compactor])
    until(lambda: compactor.says("days_left"), "it works", programs=[compactor])
    compactor.stop_cleanly()
    assert labels(filled) == expected(posts)
    must_be_whole(filled)
