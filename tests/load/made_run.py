"""A run that never was, for the tests of the report: ten minutes at 2,000 events/s, a sample every two seconds."""

import json
from pathlib import Path

from tests.load.plan import Plan
from tests.load.report.readings import OURS, THEIRS, Readings, Request

PEOPLE = Path(__file__).with_name("people.py")
BEGAN = 1_782_907_200.0  # 2026-07-01T12:00:00Z
PLAN = Plan(minutes=10)
CPU = {"consumer": 0.1, "flusher": 0.2, "compactor": 0.05, "web": 0.4, "redis": 0.1}  # cores
NOTHING_WRONG = {
    "lake": {"events": PLAN.events, "rows": PLAN.events, "lost": 0, "foreign": 0, "twice": 0, "other_text": 0},
    "posts": {"expected": 9, "shown": 9, "not_shown": 0, "shown_though_gone": 0, "shown_twice": 0},
}


def sample(seconds, **others):
    """After so many seconds, when all is as usual."""
    processes = {
        name: {"cpu": CPU.get(name, 0.01) * seconds, "rss": 60e6, "pss": 50e6, "files": 10, "alive": True}
        for name in (*OURS, *THEIRS)
    }
    return {
        "at": BEGAN + seconds,
        "processes": processes,
        "machine": {"busy": seconds * 0.92, "idle": seconds * 0.8, "memory_free": 1e9},
        "disk": {"read": 0, "written": 0, "busy": seconds * 0.05},
        "lake": {"bytes": seconds * 1e5, "files": 10},
        "redis": {"ping_ms": 0.2, "memory": 200e6, "maxmemory": 2e9, "depth": 9, "way_ms": 20.0},
        "lag": {"received": 0.1, "searchable": seconds % PLAN.flush_seconds},
        "batches": int(seconds / PLAN.flush_seconds),
        "consumer": {"received": seconds * PLAN.rate, "dropped": 0, "reconnects": 0, "pauses": 0},
        "web_ms": 5.0,
        "firehose_late": 0.0,
    } | others


def away(lag):
    """The parts of a sample while nothing reaches Redis."""
    return {"lag": {"received": lag, "searchable": 10.0}, "consumer": {}}


def requests():
    """Ten of each kind a minute, all of them right."""
    kinds = ("page", "newest", "next page", "timeline", "export csv")
    return [Request(BEGAN + number * 6.0, kind, 100.0) for number in range(100) for kind in kinds]


def record(**others):
    return {
        "plan": PLAN.described(),
        "machine": {"cores": 2, "cpu": "some", "memory": 4e9, "system": "Linux", "load_before": 0.1},
        "began": BEGAN,
        "ended": BEGAN + PLAN.seconds,
        "drained": BEGAN + PLAN.seconds + 20,
        "kills": [[kill.victim, BEGAN + kill.at] for kill in PLAN.kills],
        "batches": [["2026-07-01 12:00:00", 4.0, "committed", 100_000, 0, 0, 1, 1] for _ in range(12)],
        "hours": [["2026-07-01 12:00:00", 3, 3]],
        "gaps": 0,
        "comparison": NOTHING_WRONG,
        "verify_lake": "",
        "lake_at_end": {"files": 20, "bytes": 550e6, "index_bytes": 150e6},
    } | others


def readings(samples=None, asked=None, **others):
    """`samples`: those that differ, by their second."""
    made = [sample(seconds, **(samples or {}).get(seconds, {})) for seconds in range(0, int(PLAN.seconds), 2)]
    return Readings(record(**others), made, requests() if asked is None else asked)


def write(folder, given):
    """As a run leaves it."""
    (folder / "run.json").write_text(json.dumps(given.record))
    (folder / "samples.ndjson").write_text("".join(json.dumps(line) + "\n" for line in given.samples))
    lines = [one._asdict() | ({"fault": one.fault} if one.fault else {}) for one in given.requests]
    (folder / "requests.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"at": 17')
