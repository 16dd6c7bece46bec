"""Signs of life: they go on while a loop keeps its promise, and stop when it stands still."""

import errno
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from django.db.utils import OperationalError
from hypothesis import given
from hypothesis import strategies as st

from deploy.local.child import ROOT
from process import heartbeats
from process.heartbeats import (
    BEAT_SECONDS,
    COMMANDS,
    FILE_BYTES,
    PATIENCE_SECONDS,
    REST_SECONDS,
    STALE_SECONDS,
    WORK_SECONDS,
    Heartbeat,
    Progress,
)

LOOP = """
import sys, time
import django; django.setup()
from process import heartbeats
heartbeats.BEAT_SECONDS = 0.1
heartbeats.start("flusher")
{body}
"""
SLEEPS = "while True: time.sleep(0.1); heartbeats.beat('waits')"
HANGS = "heartbeats.beat('hangs', 0.5); print('up', flush=True); time.sleep(60)"


@pytest.fixture(autouse=True)
def folder(tmp_path, settings):
    settings.DATABASE_PATH = tmp_path / "catalog.sqlite3"
    yield tmp_path / "catalog.sqlite3.heartbeats"
    heartbeats.end()


@pytest.fixture
def process(folder, monkeypatch):
    """A process with this body, killed at the end."""
    started = []

    def start(body):
        own = {**os.environ, "DATABASE_PATH": str(folder.parent / "catalog.sqlite3")}
        own["DJANGO_SETTINGS_MODULE"] = "explorer.settings"
        started.append(subprocess.Popen([sys.executable, "-c", LOOP.format(body=body)], cwd=ROOT, env=own))
        return started[-1]

    yield start
    for one in started:
        one.kill()
        one.wait()


def until(true, seconds=20):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def looks(progress, moments):
    """What the thread sees at each (time, cpu)."""
    return [progress.look(now, cpu) for now, cpu in moments]


def test_a_loop_that_comes_by_in_time_is_alive_and_one_that_does_not_is_not():
    progress = Progress(0.0, 0.0)
    progress.promise(10.0, PATIENCE_SECONDS, working=False)
    last = 10.0 + PATIENCE_SECONDS
    assert looks(progress, [(12.0, 0), (last - 0.1, 0), (last + 0.1, 0)]) == [True, True, False]
    progress.promise(last + 1, 40.0, working=False)
    assert looks(progress, [(last + 40, 0), (last + 42, 0)]) == [True, False]


def test_a_long_step_is_alive_as_long_as_it_uses_the_processor():
    progress = Progress(0.0, 0.0)
    progress.promise(0.0, WORK_SECONDS, working=True)
    busy = [(float(now), now * 0.5) for now in range(2, 100, 2)]
    assert all(looks(progress, busy))
    cpu = busy[-1][1]
    still = [(98.0 + seconds, cpu + seconds * 0.005) for seconds in range(2, int(REST_SECONDS) + 4, 2)]
    assert looks(progress, still)[:10] == [True] * 10
    assert not looks(progress, still[-1:])[0], "what the metrics port uses is no progress"
    assert not looks(progress, [(WORK_SECONDS + 1, 1e6)])[0], "an endless loop uses it, too"


def test_a_hung_loop_a_stop_and_a_kill_are_seen_within_half_a_minute():
    assert PATIENCE_SECONDS + BEAT_SECONDS + STALE_SECONDS < 28


def test_a_heartbeat_says_what_the_process_does():
    heartbeats.start("consumer")
    heartbeats.beat("receives", connected=True, host="a")
    heartbeats._process.write()
    found = heartbeats.read("consumer")
    assert not found.stale
    assert found.word.items() >= {"pid": os.getpid(), "doing": "receives", "connected": True, "host": "a"}.items()
    assert heartbeats.ages().keys() == COMMANDS.keys()
    assert heartbeats.ages()["flusher"] is None
    assert heartbeats.ages()["consumer"] < STALE_SECONDS


def test_a_process_that_does_not_beat_may_say_so_at_no_cost(folder):
    heartbeats.beat("works")
    heartbeats.work("works")
    assert not folder.exists()


def test_a_short_reply_is_no_wait_and_the_end_of_a_long_one_is_noted():
    word = {}
    for at, waits_for, expected in [
        (10.0, "buffer", {"waits_for": "buffer", "waits_since": 10.0}),
        (11.0, "", {"waits_for": "", "waits_since": 10.0}),
        (12.0, "buffer", {"waits_for": "buffer", "waits_since": 12.0}),
        (60.0, "buffer", {"waits_for": "buffer", "waits_since": 12.0}),
        (61.0, "", {"waits_for": "", "waits_since": 12.0, "ready": 61.0}),
    ]:
        word |= heartbeats._waiting(word, waits_for, at)
        assert word == expected


class BufferLost(Exception):
    component = "buffer"


def because(cause):
    error = ValueError("the catalog can't be written")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "blamed"),
    [
        (BufferLost("away"), "buffer"),
        (OperationalError("locked"), "catalog"),
        (because(OperationalError("locked")), "catalog"),
        (ValueError("a bug"), ""),
    ],
)
def test_the_last_word_says_why_and_whose_fault_it_is(error, blamed):
    with pytest.raises(type(error)), heartbeats.beating("flusher"):
        raise error
    word = heartbeats.read("flusher").word
    assert (word["doing"], word["error"], word["fault"]) == ("ended", str(error), blamed)


def test_a_clean_end_blames_nobody():
    with heartbeats.beating("flusher"):
        pass
    assert heartbeats.read("flusher").word.items() >= {"doing": "ended", "error": "", "fault": ""}.items()


@given(st.dictionaries(st.sampled_from(["error", "host", "doing"]), st.text(max_size=5000)))
def test_a_file_has_always_the_same_size_and_is_json(word):
    encoded = heartbeats._encode(word)
    assert len(encoded) == FILE_BYTES
    assert json.loads(encoded).keys() <= word.keys()


@given(st.binary(max_size=100))
def test_a_file_that_was_damaged_still_has_its_age(tmp_path_factory, content):
    file = tmp_path_factory.mktemp("beats") / "web.json"
    file.write_bytes(content)
    assert isinstance(heartbeats._decode(content), dict)


def test_a_disk_without_room_still_tells_the_time(folder, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    heartbeats.start("web")
    old = time.time() - 100
    os.utime(folder / "web.json", (old, old))
    monkeypatch.setattr(os, "pwrite", full)
    heartbeats._process.write()
    assert not heartbeats.read("web").stale


def test_a_folder_that_can_not_be_made_stops_nothing(settings):
    settings.DATABASE_PATH = "/proc/none/catalog.sqlite3"
    with heartbeats.beating("web"):
        assert heartbeats.read("web") is None


def test_a_stopped_process_a_killed_one_and_a_loop_that_hangs_stop_beating(process, monkeypatch):
    monkeypatch.setattr(heartbeats, "STALE_SECONDS", 1.0)
    heart = process(SLEEPS)
    until(lambda: heartbeats.read("flusher") and heartbeats.read("flusher").word["doing"] == "waits")
    heart.send_signal(signal.SIGSTOP)
    until(lambda: heartbeats.read("flusher").stale)
    heart.send_signal(signal.SIGCONT)
    until(lambda: not heartbeats.read("flusher").stale)
    heart.kill()
    until(lambda: heartbeats.read("flusher").stale)
    hangs = process(HANGS)
    until(lambda: not heartbeats.read("flusher").stale)
    until(lambda: heartbeats.read("flusher").stale)
    assert hangs.poll() is None


def test_stale_is_a_matter_of_age():
    assert Heartbeat(STALE_SECONDS + 1, {}).stale
    assert not Heartbeat(STALE_SECONDS - 1, {}).stale
