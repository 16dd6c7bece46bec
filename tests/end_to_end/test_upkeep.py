"""maintain_lake beside a lake of last week: a killed job is repeated, one that has ended is not, good or failed."""

import json
import os
import re
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ingest.simulator.server.server import running
from tests.end_to_end.stack import until
from tests.end_to_end.stream import world


def children(program):
    return Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()


def waits(stack):
    """Whether it has looked, and nothing is due any more."""
    beat = stack.database.with_name(f"{stack.database.name}.heartbeats") / "maintenance.json"
    return "waits until" in beat.read_text()


@pytest.mark.slow
def test_jobs_run_once_when_they_are_due_and_again_when_they_were_killed(make_stack, tmp_path):
    moments, backup = world(300), tmp_path / "backup"
    with running(moments) as jetstream:
        stack = make_stack(jetstream.url, BACKUP_DIR=str(backup))
        consumer = stack.consumer()
        stack.await_depth(300)
        consumer.stop_cleanly()
    assert stack.flush_once().exit_code == 0
    record = stack.database.with_name(f"{stack.database.name}.records") / "catalog_check.json"
    with closing(sqlite3.connect(stack.database, timeout=30)) as database, database:
        database.execute("UPDATE lake_batchrun SET started_at = datetime('now', '-8 days')")

    first = stack.start("maintain_lake")
    until(lambda: children(first), "the first job runs", programs=[first])
    (job,) = children(first)
    os.kill(int(job), signal.SIGSTOP)
    first.kill_at_work()
    assert not record.exists()

    second = stack.start("maintain_lake")
    second.await_words("job failed")
    until(lambda: waits(stack), "the failed job is not repeated at once", programs=[second])
    second.stop_cleanly()
    assert re.findall(r"job (done|failed) +job=(\w+)", second.text) == [
        ("done", "catalog_check"),
        ("done", "backup"),
        ("failed", "verification"),  # its deletes are of last week, and no compactor has run
    ]
    assert second.text.count("job begins") == 3
    assert "result='2 differences in 9 files" in second.text
    assert json.loads((backup / "manifest.json").read_text())["files"]
    assert "unmarked rows with a later delete" in record.with_name("verification.txt").read_text()
    assert json.loads(record.with_name("verification.json").read_text())["failed"] is True
