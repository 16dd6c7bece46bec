"""The loop of maintain_lake: what it says, what it records for a job that can't, and that it repeats nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from lake.management.commands import maintain_lake
from lake.models import BatchRun
from lake.upkeep.schedule import DAY, HOUR, WEEK, Job
from process import records
from process.signals import Stop
from tests.builders import post

MANAGE = """
import os, signal, sys
print("what", sys.argv[1])
if sys.argv[1] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(sys.argv[1] != "good")
"""
JOBS = [
    Job("catalog_check", ("good",), DAY, DAY),
    Job("backup", ("bad",), DAY, HOUR),
    Job("verification", ("killed",), WEEK, DAY),
]


class UntilNothingIsDue(Stop):
    def wait(self, seconds):
        if seconds == maintain_lake.POLL_SECONDS:
            self.set()
        return super().wait(min(seconds, 0.05))


@pytest.fixture
def run(lake, settings, tmp_path):
    settings.DATABASE_PATH, settings.BASE_DIR = tmp_path / "catalog.sqlite3", tmp_path
    (tmp_path / "manage.py").write_text(MANAGE)
    lake.flush(post())

    def run():
        with capture_logs() as lines:
            maintain_lake.loop(JOBS, UntilNothingIsDue())
        return [line for line in lines if line["event"].startswith("job ")]

    return run


def test_each_job_that_is_due_is_one_line_and_one_record(run):
    BatchRun.objects.update(started_at=datetime.now(UTC) - timedelta(days=8))
    lines = [line for line in run() if line["event"] != "job begins"]
    assert [(line["event"], line["job"], line["log_level"]) for line in lines] == [
        ("job done", "catalog_check", "info"),
        ("job failed", "backup", "error"),
        ("job failed", "verification", "error"),
    ]
    assert [line["result"].split(":")[0] for line in lines] == ["what good", "what bad", "ended by SIGKILL"]
    assert lines[1]["report"] == str(records.job_report("backup"))
    assert records.last_run("backup").failed
    assert records.last_run("verification").failed
    assert [line["job"] for line in run() if line["event"] == "job begins"] == ["catalog_check"], "it recorded nothing"


def test_a_new_lake_waits_for_its_first_night(run, settings):
    settings.MAINTENANCE_HOUR = (datetime.now(UTC).hour + 12) % 24
    assert run() == []


def test_a_folder_of_records_that_cannot_be_made_ends_it_with_a_sentence(run, tmp_path):
    BatchRun.objects.update(started_at=datetime.now(UTC) - timedelta(days=8))
    (tmp_path / "catalog.sqlite3.records").write_text("a file")
    with pytest.raises(maintain_lake.CommandError, match="can't be written"):
        run()
