"""What passes and what fails, and the compressed clock."""

import subprocess
import sys
from dataclasses import replace

import pytest

from tests.weeks import verdicts
from tests.weeks.board import Board
from tests.weeks.days import Day, Held
from tests.weeks.questions import Latency

NOON_US = 1_782_907_200_000_000
TABLES = {"lake_tombstone": 1_000}
HELD = Held(files=230, files_on_disk=300, file_bytes=90, index_bytes=10, catalog_bytes=2_000_000, rows=TABLES)


def days(*changes):
    """A day for each change."""
    day = Day(1, 8_000_000, 8_000_000, 24, 60.0, {"web": 200.0}, {}, 1.0, 1.0, HELD, {"page": Latency(10, 20, 90)})
    return [replace(day, number=number, **change) for number, change in enumerate(changes, 1)]


def held(**changes):
    return {"held": replace(HELD, **changes)}


def latency(p95, most=100.0):
    return {"latency": {"page": Latency(1.0, p95, most)}}


@pytest.mark.parametrize(
    ("judge", "noted", "passed"),
    [
        (lambda noted: verdicts.memory(noted, "web"), days({}, {"megabytes": {"web": 279.0}}), True),
        (lambda noted: verdicts.memory(noted, "web"), days({}, {"megabytes": {"web": 281.0}}), False),
        (lambda noted: verdicts.memory(noted, "web"), days({}), None),
        (lambda noted: verdicts.latency(noted, "page"), days({}), None),
        (lambda noted: verdicts.latency(noted, "page"), days(latency(90.0, 30_000.0)), False),
        (verdicts.files, days(held(files=684)), True),
        (verdicts.files, days(held(files=685)), False),
        (verdicts.catalog, days({}), None),
        (verdicts.catalog, days({}, held(catalog_bytes=4_000_000)), True),
        (verdicts.catalog, days({}, held(catalog_bytes=4_400_000)), False),
        (verdicts.tombstones, days(*[{}] * 5), None),
        (verdicts.tombstones, days(*[{}] * 7), True),
        (verdicts.tombstones, days(*[{}] * 6, held(rows={"lake_tombstone": 1_200})), False),
        (lambda noted: verdicts.latency(noted, "page"), days({}, latency(90.0)), True),
        (lambda noted: verdicts.latency(noted, "page"), days({}, latency(91.0)), False),
        (lambda noted: verdicts.latency(noted, "page"), days(latency(90.0, 30_000.0), {}), False),
        (lambda noted: verdicts.size(noted[-1], 501), days({}), True),
        (lambda noted: verdicts.size(noted[-1], 499), days({}), False),
        (lambda noted: verdicts.size(noted[-1], 499), days({"events_of_day": 4_999_999}), None),
    ],
)
def test_verdicts(judge, noted, passed):
    assert judge(noted).passed is passed


def test_a_process_lives_by_the_compressed_clock(tmp_path):
    board = Board(tmp_path)
    board.now_us = NOON_US
    command = [sys.executable, "-c", "import time; print(time.time_ns() // 1000)"]
    ran = subprocess.run(command, env=board.variables(), capture_output=True, text=True, check=True)
    assert NOON_US < int(ran.stdout) <= board.now_us < NOON_US + 60_000_000
