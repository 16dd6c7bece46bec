"""One line per event, whichever library logged it."""

import json
import os
import pty
import subprocess
import sys

import pytest

from deploy.local.child import ROOT
from process import error_tracker
from process.logs import SHOWN

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


def lines(log_format, script=SCRIPT):
    done = subprocess.run([sys.executable, "-c", script, log_format], cwd=ROOT, capture_output=True, text=True)
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


def test_what_is_no_terminal_gets_json_by_default():
    assert json.loads(lines("auto")[0])["event"] == "flushed"


def test_a_terminal_gets_text_by_default():
    master, slave = pty.openpty()
    subprocess.run([sys.executable, "-c", SCRIPT, "auto"], cwd=ROOT, stderr=slave, check=True)
    os.close(slave)
    assert b"flushed" in (told := os.read(master, 200))
    assert not told.startswith(b"{")
    os.close(master)


ONCE = """
import logging, logging.config, sys
from process import logs
logging.config.dictConfig(logs.configure(sys.argv[1]))
for status in (200, 404, 500):
    level = logging.getLogger("django.server").info
    level('"%s" %s %s', "GET /x HTTP/1.1", str(status), "-")
for name in ("django.request", "django.security.csrf"):
    for status in (404, 500):
        logging.getLogger(name).warning("%s: %s %s", name, status, "/x", extra={"status_code": status})
"""


def test_a_refused_request_is_not_told_again_by_django():
    assert [json.loads(line)["event"] for line in lines("json", ONCE)] == [
        '"GET /x HTTP/1.1" 200 -',
        "django.request: 500 /x",
        "django.security.csrf: 500 /x",
    ]


LONG = """
import logging.config, sys
import structlog
from process import logs
log = structlog.get_logger("ours")
logging.config.dictConfig(logs.configure(sys.argv[1]))
structlog.contextvars.bind_contextvars(request_id="abc")
log.warning("odd", error="secret " * 1000)
logging.getLogger("theirs").warning("secret " * 1000)
try:
    raise ValueError("secret " * 1000)
except ValueError:
    log.exception("failed")
"""


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_was_read_is_cut_and_the_id_of_the_request_is_in_each_line(log_format):
    told = lines(log_format, LONG)
    assert sum(line.count("secret") for line in told) < 3 * (SHOWN / len("secret ") + 1)
    assert sum("abc" in line for line in told) == 3


TRACKED = """
import logging.config, sys
import structlog
from process import error_tracker, logs
log = structlog.get_logger("ours")
logging.config.dictConfig(logs.configure("json"))
error_tracker.start("https://key@sentry.example.org/1")
structlog.contextvars.bind_contextvars(request_id="abc")
log.error("no exception")
try:
    raise ValueError("secret")
except ValueError as error:
    log.error("one", exc_info=error)
    log.exception("two")
    log.warning("none", exc_info=True)
"""
STAND_IN = """
import contextlib, sys
def init(**options): print("init", options["send_default_pii"], options["default_integrations"], file=sys.stderr)
class Scope:
    def set_tag(self, name, value): print("tag", name, value, file=sys.stderr)
@contextlib.contextmanager
def new_scope(): yield Scope()
def capture_exception(error): print("captured", type(error).__name__, file=sys.stderr)
"""


def test_without_the_package_of_the_tracker_a_sentence_says_what_to_install():
    told = json.loads(lines("json", TRACKED)[0])
    assert "pip install sentry-sdk" in told["event"]
    assert told["level"] == "warning"


def test_each_exception_that_is_logged_as_an_error_is_reported_once(tmp_path, monkeypatch):
    (tmp_path / "sentry_sdk.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    told = [line for line in lines("json", TRACKED) if not line.startswith("{")]
    assert told == ["init False False", *["tag id abc", "captured ValueError"] * 2]


def test_a_report_has_no_texts_and_no_keys():
    frame = {"filename": "a.py", "lineno": 7, "function": "f", "vars": {"text": "secret"}, "context_line": "secret"}
    event = {
        "event_id": "1",
        "request": {"query_string": "text=secret", "headers": {"X-Api-Key": "secret"}},
        "breadcrumbs": ["secret"],
        "logentry": {"message": "secret"},
        "extra": {"sys.argv": ["secret"]},
        "user": {"ip_address": "secret"},
        "tags": {"id": "abc"},
        "exception": {"values": [{"type": "ValueError", "value": "secret", "stacktrace": {"frames": [frame]}}]},
    }
    kept = error_tracker.scrub(event)
    assert "secret" not in str(kept)
    assert kept["tags"] == {"id": "abc"}
    assert kept["exception"]["values"][0]["stacktrace"]["frames"][0]["lineno"] == 7
    assert error_tracker.scrub({})["exception"] == {"values": []}


def test_text_is_plain_and_ends_with_the_traceback():
    flushed, slow, *rest = lines("text")
    warned = next(place for place, line in enumerate(rest) if "old ways" in line)  # which has a second line before 3.13
    assert "flushed" in flushed
    assert "rows=3" in flushed
    assert "slow disk" in slow
    assert "\x1b" not in flushed
    assert rest[warned - 1] == "ZeroDivisionError: division by zero"
