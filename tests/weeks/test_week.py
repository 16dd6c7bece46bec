"""A small week goes through the real path, a small month of files through its passes; and what differs is seen."""

import json
import subprocess
import sys

import duckdb
import pytest

from tests.end_to_end.comparison import Comparison, Difference
from tests.end_to_end.event_log import Log

POST = "app.bsky.feed.post"
HOUR_US = 3_600_000_000
NOON_US = 1_782_907_200_000_000


def commit(rkey, rev, operation="create", did="did:plc:a", time_us=NOON_US):
    body = {"collection": POST, "rkey": rkey, "rev": rev, "operation": operation}
    return json.dumps({"did": did, "time_us": time_us, "kind": "commit", "commit": body}).encode()


def account(did, active, seq):
    body = {"seq": seq, "active": active, "did": did}
    return json.dumps({"did": did, "time_us": NOON_US, "kind": "account", "account": body}).encode()


FRAMES = [
    commit("kept", "1"),
    commit("deleted", "1"),
    commit("deleted", "2", "delete"),
    commit("again", "1"),
    commit("again", "2", "delete"),
    commit("again", "3"),
    commit("edited", "1"),
    commit("edited", "2", "update"),
    commit("gone", "1", did="did:plc:gone"),
    account("did:plc:gone", True, 1),
    account("did:plc:gone", False, 2),
    commit("back", "1", did="did:plc:back"),
    account("did:plc:back", False, 3),
    account("did:plc:back", True, 4),
]


@pytest.fixture
def compare(tmp_path):
    """Of the log of FRAMES and what a lake shows of posts: IDs without `at://`."""

    def compare_(*ids, days=None):
        log = Log(tmp_path / "log")
        for frame in FRAMES:
            log.append(frame)
        log.write()
        rows = ", ".join(f"('at://{each}')" for each in ids)
        path = tmp_path / "export.parquet"
        duckdb.sql(f"COPY (SELECT * FROM (VALUES {rows}) AS t(id)) TO '{path}'")
        comparison = Comparison(tmp_path / "log", tmp_path, NOON_US + 25 * HOUR_US, days or {})
        comparison.prepare()
        try:
            return comparison.shown(path, "posts", comparison.hours)
        finally:
            comparison.close()

    return compare_


SHOWN = [f"did:plc:a/{POST}/{rkey}" for rkey in ("kept", "again", "edited")] + [f"did:plc:back/{POST}/back"]


@pytest.mark.parametrize(
    ("ids", "difference"),
    [
        (SHOWN, Difference(4)),
        (SHOWN[1:], Difference(4, missing=1)),
        ([*SHOWN, f"did:plc:a/{POST}/deleted"], Difference(4, extra=1)),
        ([*SHOWN, SHOWN[0]], Difference(4, doubled=1)),
    ],
)
def test_what_shows_is_compared_with_the_log(compare, ids, difference):
    assert compare(*ids) == difference


def test_what_retention_has_removed_must_not_show(compare):
    assert compare(*SHOWN, days={"posts": 1}) == Difference(0, extra=4)


@pytest.mark.slow
@pytest.mark.parametrize(
    "run", [("week", "--events", "120000", "--days", "2"), ("month", "--days", "2", "--per-day", "2000")]
)
def test_a_small_run_passes(tmp_path, run):
    command = [sys.executable, "-m", "tests.weeks", *run, "--folder", str(tmp_path / "run")]
    ran = subprocess.run(command, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout + ran.stderr
