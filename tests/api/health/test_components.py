"""Who is named: a table of what the readings show, and of the one component that must be mended."""

import pytest

from api.health.components import BufferReading, CatalogReading, LakeReading, Readings, verdicts
from api.health.freshness import freshness
from api.health.processes import SILENT_SECONDS, UNREACHABLE_SECONDS, state
from process.heartbeats import COMMANDS, STALE_SECONDS, Heartbeat

NOW = 1_800_000_000.0
STILL = STALE_SECONDS + 1
CONNECTED = {
    "doing": "receives",
    "connected": True,
    "host": "host.example",
    "started": NOW - 999,
    "last_frame": NOW - 1,
}


def alive(name, **facts):
    word = CONNECTED if name == "consumer" else {"doing": "works", "started": NOW - 999}
    return Heartbeat(1.0, {**word, **facts})


def silent(name):
    """As after a SIGKILL or a SIGSTOP."""
    return Heartbeat(STILL, alive(name).word)


def ended(error="", fault=""):
    return Heartbeat(60.0, {"doing": "ended", "error": error, "fault": fault})


def readings(beats=None, **others):
    all_well = {
        "now": NOW,
        "beats": {name: alive(name) for name in COMMANDS} | (beats or {}),
        "buffer": BufferReading("", 1000, 0.1, 20.0),
        "catalog": CatalogReading(files=7, last_batch=30.0),
        "lake": LakeReading(),
        "engine": "",
        "flush_seconds": 300.0,
        "high_water": 0.8,
        "asks_appview": True,
    }
    return Readings(**{**all_well, **others})


AWAY = BufferReading("Connection refused")
WAITS = {"waits_for": "buffer", "waits_since": NOW - 100, "doing": "Redis is away"}
FULL_DISK = "The disk of LAKE_ROOT is full"
ALL_WAIT = {"consumer": alive("consumer", **WAITS, connected=False), "flusher": alive("flusher", **WAITS)}
LONG_AGO = {"last_frame": NOW - 35}

CASES = {
    "all is well": (readings(), "", ""),
    "the consumer was killed": (readings({"consumer": silent("consumer")}), "stream", "no sign of life for 11 s"),
    "the consumer was never started": (readings({"consumer": None}), "stream", "consume_jetstream was never started"),
    "the consumer has a bug": (readings({"consumer": ended("KeyError")}), "stream", "ended 60 s ago (KeyError)"),
    "a host is silent": (readings({"consumer": alive("consumer", **LONG_AGO)}), "stream", "no frame for 35 s"),
    "no host can be reached": (
        readings({"consumer": alive("consumer", connected=False, why_closed="refused", last_frame=NOW - 20)}),
        "stream",
        "no Jetstream host can be reached, no frame for 20 s (host.example: refused)",
    ),
    "the consumer has just started": (
        readings({"consumer": Heartbeat(1.0, {"doing": "connects", "started": NOW - 3})}),
        "",
        "",
    ),
    "the consumer goes on after a long wait": (
        readings({"consumer": alive("consumer", connected=False, ready=NOW - 2, last_frame=NOW - 600)}),
        "",
        "",
    ),
    "a reply of Redis does not hide that no host is there": (
        readings({"consumer": alive("consumer", waits_for="buffer", waits_since=NOW - 1, last_frame=NOW - 40)}),
        "stream",
        "no frame for 40 s",
    ),
    "Redis hangs in the middle of a write": (
        readings(
            {"consumer": alive("consumer", waits_for="buffer", waits_since=NOW - 28, last_frame=NOW - 28)}, buffer=AWAY
        ),
        "buffer",
        "refused",
    ),
    "the consumer can't reach a Redis that is there": (
        readings({"consumer": ALL_WAIT["consumer"]}),
        "stream",
        "waits for 100 s for Redis, which the web process can reach",
    ),
    "Redis is down": (readings(ALL_WAIT, buffer=AWAY), "buffer", "Connection refused"),
    "Redis is unsafe": (
        readings(
            {"consumer": ended("Redis has no maxmemory", "buffer")}, buffer=BufferReading("Redis has no maxmemory")
        ),
        "buffer",
        "maxmemory",
    ),
    "the buffer is full and all work": (
        readings({"consumer": ALL_WAIT["consumer"]}, buffer=BufferReading("", 9, 0.85, 20.0)),
        "buffer",
        "85% of Redis's memory",
    ),
    "the buffer is full as the flusher is dead": (
        readings(
            {"consumer": ALL_WAIT["consumer"], "flusher": silent("flusher")}, buffer=BufferReading("", 9, 0.85, 9e4)
        ),
        "flusher",
        "flush_buffer shows no sign of life",
    ),
    "the flusher was killed": (readings({"flusher": silent("flusher")}), "flusher", "the last thing it said: works"),
    "a batch has failed": (
        readings(catalog=CatalogReading(failed="7: a bug", last_batch=1.0)),
        "flusher",
        "the latest batch has failed: 7: a bug",
    ),
    "a batch had failed before the flusher was started again": (
        readings(catalog=CatalogReading(failed="7: the disk is full", last_batch=2000.0)),
        "",
        "",
    ),
    "the flusher takes nothing": (
        readings(buffer=BufferReading("", 9, 0.1, 700.0), catalog=CatalogReading(last_batch=700.0)),
        "flusher",
        "the oldest event in the buffer has waited for 700 s",
    ),
    "the flusher catches up": (readings(buffer=BufferReading("", 9, 0.1, 7000.0)), "", ""),
    "the compactor was killed": (readings({"compactor": silent("compactor")}), "compactor", "no sign of life"),
    "nobody resolves handles": (readings({"handles": silent("handles")}), "handles", "no sign of life"),
    "nobody has to": (readings({"handles": None}, asks_appview=False), "", ""),
    "the AppView is down": (readings({"handles": alive("handles", appview_failures=9)}), "handles", "9 calls in a row"),
    "the disk is full": (readings(lake=LakeReading(disk=FULL_DISK)), "lake", "is full"),
    "the disk was full as the flusher wrote": (
        readings({"flusher": ended(FULL_DISK, "lake"), "compactor": ended(FULL_DISK, "lake")}),
        "lake",
        "is full",
    ),
    "the disk is read-only for the flusher": (
        readings({"flusher": alive("flusher", lake="read-only")}),
        "lake",
        "read-only",
    ),
    "a file is missing": (readings(lake=LakeReading("x.parquet is missing")), "lake", "x.parquet"),
    "the catalog is locked": (
        readings({"flusher": ended("locked", "catalog")}, catalog=CatalogReading(refuses="database is locked")),
        "catalog",
        "locked",
    ),
    "the disk of the catalog is read-only, and so that of the heartbeats": (
        readings({name: silent(name) for name in COMMANDS}, catalog=CatalogReading(refuses="attempt to write")),
        "catalog",
        "attempt to write",
    ),
    "the catalog is gone": (readings(catalog=CatalogReading("it is missing")), "catalog", "missing"),
}
UNSEARCHABLE = {"a file is missing", "the catalog is gone"}


@pytest.mark.parametrize("case", CASES)
def test_the_one_at_fault_is_named_and_none_of_its_victims(case):
    found, name, words = CASES[case]
    verdict = verdicts(found)
    assert list(verdict) == ["stream", "buffer", "flusher", "compactor", "handles", "lake", "catalog", "engine"]
    assert [component for component, state in verdict.items() if not state.ok] == ([name] if name else [])
    assert not name or words in verdict[name].message
    assert found.searchable == (case not in UNSEARCHABLE)


@pytest.mark.parametrize("name", ["consumer", "flusher", "compactor", "handles"])
@pytest.mark.parametrize("root", [{"buffer": AWAY}, {"catalog": CatalogReading(refuses="locked")}])
def test_a_process_that_is_dead_as_well_is_named_beside_the_root(name, root):
    verdict = verdicts(readings({name: silent(name)}, **root))
    bad = {component for component, state in verdict.items() if not state.ok}
    assert bad == {*root, {"consumer": "stream"}.get(name, name)}


def test_a_handle_service_is_not_asked_whatever_its_process_does():
    found = verdicts(readings({"handles": silent("handles")}, asks_appview=False))["handles"]
    assert (found.ok, found.message) == (True, "APPVIEW_URL is empty: nobody is asked")


def test_half_a_minute_is_enough_to_be_named():
    assert max(STALE_SECONDS, SILENT_SECONDS, UNREACHABLE_SECONDS) + 2 < 30


@pytest.mark.parametrize("name", COMMANDS)
def test_the_state_of_one_process_needs_no_other_reading(name):
    assert state(name, alive(name), NOW).ok
    assert not state(name, silent(name), NOW).ok
    assert not state(name, None, NOW).ok
    assert not state(name, ended("why"), NOW).ok
    assert state(name, Heartbeat(1.0, {}), NOW).ok, "a damaged file still has its age"


LIMIT = 2 * 300 + 60
FRESHNESS = {
    # case: (newest, started), fresh, stage
    ("all is well", NOW - 100, 0.0): (True, ""),
    ("the consumer was killed", NOW - 100, 0.0): (True, "stream"),
    ("the consumer was killed", NOW - LIMIT - 1, 0.0): (False, "stream"),
    ("Redis is down", NOW - LIMIT - 1, 0.0): (False, "buffer"),
    ("the flusher was killed", NOW - LIMIT - 1, 0.0): (False, "flusher"),
    ("the disk is full", NOW - LIMIT - 1, 0.0): (False, "lake"),
    ("the catalog is gone", None, NOW): (False, "catalog"),
    ("the compactor was killed", NOW - 100, 0.0): (True, ""),
    ("all is well", NOW - LIMIT - 1, 0.0): (False, "stream"),  # nothing new is received
    ("all is well", None, NOW - 100): (True, ""),  # a new lake
    ("all is well", None, NOW - LIMIT - 1): (False, "stream"),
}


@pytest.mark.parametrize(("case", "newest", "started"), FRESHNESS)
def test_what_is_searchable_is_fresh_for_two_flush_intervals_and_a_minute(case, newest, started):
    found = CASES[case][0]
    answer = freshness(found, verdicts(found), newest, started)
    assert (answer.fresh, answer.stage) == FRESHNESS[case, newest, started]
    assert answer.limit == LIMIT
    assert answer.message


def test_when_all_is_received_and_nothing_is_searchable_the_flusher_is_behind():
    found = readings({"consumer": alive("consumer", last_seen=NOW - 2)})
    answer = freshness(found, verdicts(found), NOW - 5000, 0.0)
    assert (answer.stage, answer.message[:11]) == ("flusher", "the flusher")
