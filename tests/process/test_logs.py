"""One line per event, whichever library logged it."""

import json
import subprocess
import sys

from deploy.local.child import ROOT

SCRIPT = """
import logging, logging.config, sys, warnings
import structlog
from process import logs
log = structlog.get_logger("ours")
logging.config.dictConfig(logs.configure(sys.argv[1]))
log.info("flushed", rows=3)
logging.getLogger("theirs").warning("slow %s", "disk")
try:
    1 / 0
except ZeroDivisionError:
    log.exception("failed")
warnings.warn("old ways")
for name in ("django.request", "django.server", "gunicorn.error"):
    logging.getLogger(name).warning("from %s", name)
log.debug("left out")
"""


def lines(log_format):
    done = subprocess.run([sys.executable, "-c", SCRIPT, log_format], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == ""
    return done.stderr.splitlines()


def test_json_has_one_object_a_line():
    flushed, slow, failed, warned, *others = map(json.loads, lines("json"))
    assert flushed.pop("timestamp").endswith("Z")
    assert flushed == {"event": "flushed", "level": "info", "rows": 3}
    assert (slow["event"], slow["level"]) == ("slow disk", "warning")
    assert failed["event"] == "failed"
    assert failed["exception"].endswith("ZeroDivisionError: division by zero")
    assert "old ways" in warned["event"]
    assert [line["event"] for line in others] == ["from django.request", "from django.server", "from gunicorn.error"]


def test_text_is_plain_and_ends_with_the_traceback():
    flushed, slow, *failed, _, _, _, _ = lines("text")
    assert "flushed" in flushed
    assert "rows=3" in flushed
    assert "slow disk" in slow
    assert "\x1b" not in flushed
    assert failed[-1] == "ZeroDivisionError: division by zero"
