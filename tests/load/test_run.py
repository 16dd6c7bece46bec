"""A small run from end to end: what does not depend on how busy the machine is must be right."""

import json
import subprocess
import sys
from importlib.util import find_spec

import pytest

from deploy.local.child import ROOT
from tests.load.report.criteria import PASS

MUST = {
    "events lost",
    "events twice, or of no log",
    "deleted posts, and those of accounts that left",
    "all other posts",
    "verify_lake",
    "frames dropped, gaps",
    "wrong answers",
    "memory of each process",
    *(f"recovery after kill -9 of {name}" for name in ("consumer", "flusher", "redis", "web")),
}


@pytest.mark.slow
@pytest.mark.skipif(not find_spec("locust"), reason="needs locust, which make load installs")
def test_a_minute_under_load_loses_nothing_and_answers_rightly(tmp_path):
    folder = tmp_path / "run"
    options = ["--users", "6", "--events", "300", "--minutes", "1", "--folder", str(folder)]
    run = subprocess.run([sys.executable, "-m", "tests.load", *options], cwd=ROOT, capture_output=True, text=True)
    assert (folder / "report.json").exists(), run.stdout + run.stderr
    report = json.loads((folder / "report.json").read_text())
    verdicts = {one["name"]: one for one in report["criteria"]}
    assert [verdicts[name] for name in MUST if verdicts[name]["verdict"] != PASS] == []
    assert report["measured"]["events"] == report["plan"]["events"] == 300 * 60 + 2 * 300 * 6
    assert report["measured"]["requests"] > 20
    assert "Nearest to its limit" in (folder / "report.html").read_text()
    assert not (folder / "lake").exists(), "what takes room is removed"
