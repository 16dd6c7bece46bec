"""The command, as a process of its own."""

import json
import signal
import subprocess
import sys
import time

import pytest
from websockets.sync.client import connect

START = (
    "import sys\n"
    "from django.conf import settings\n"
    "settings.configure()\n"
    "from ingest.management.commands.simulate_jetstream import Command\n"
    "Command().run_from_argv(['manage.py', 'simulate_jetstream', '--port', '0', *sys.argv[1:]])\n"
)


def start(*options):
    return subprocess.Popen(
        [sys.executable, "-c", START, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def take(url, count):
    with connect(url, compression=None) as client:
        return [client.recv(10, decode=False) for _ in range(count)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_serves_and_stops_cleanly(tmp_path, number):
    dump = tmp_path / "log.ndjson"
    with start("--seed", "3", "--events", "500", "--users", "50", "--dump", str(dump)) as process:
        line = process.stdout.readline()
        assert line.startswith("simulated Jetstream listening on ws://127.0.0.1:")
        frames = take(line.split()[-1], 500)
        began = time.monotonic()
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert time.monotonic() - began < 10
    assert (process.returncode, err) == (0, "")
    assert "opened /subscribe" in out
    assert "closed /subscribe" in out
    assert dump.read_bytes().splitlines() == frames
    assert json.loads(frames[0])["time_us"] // 1_000_000 == 1_782_864_000


def test_it_replays_a_recording(tmp_path):
    recording = tmp_path / "recording.ndjson"
    recording.write_bytes(b'{"time_us":1}\n{"time_us":2}\n')
    with start("--replay", str(recording)) as process:
        frames = take(process.stdout.readline().split()[-1], 2)
        process.terminate()
        process.communicate(timeout=10)
    assert frames == [b'{"time_us":1}', b'{"time_us":2}']


def test_pregenerated_events_are_told_of(tmp_path):
    with start("--pregenerate", "--events", "100", "--rate", "1000") as process:
        frames = take(process.stdout.readline().split()[-1], 100)
        process.terminate()
        _, err = process.communicate(timeout=10)
    assert err == "generated 100 of 100 events\n"
    assert json.loads(frames[0])["time_us"] == pytest.approx(time.time_ns() // 1000, abs=60e6)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--replay", "/nowhere"], "/nowhere: No such file"),
        (["--replay", __file__], "line 1 is not an event of a Jetstream"),
        (["--pregenerate"], "--pregenerate needs --events"),
        (["--dump", "/nowhere/log"], "/nowhere/log: No such file"),
        (["--host", "192.0.2.1"], "cannot listen on 192.0.2.1:0"),
    ],
)
def test_what_cannot_be_is_one_sentence(options, sentence):
    with start(*options) as process:
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out) == (1, "")
    assert sentence in err
    assert err.count("\n") == 1
