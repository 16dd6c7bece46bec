"""What needs somebody, and the figures, from facts alone."""

from datetime import UTC, datetime, timedelta

import pytest

from api.dashboard.facts import Facts, Row, Rows
from api.dashboard.figures import groups
from api.dashboard.needs_action import DISK_LOW, JOB_COMMANDS, OVERDUE, duration, items
from api.health.processes import State
from process.records import JOBS
from tests.test_architecture import ROOT

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
WELL = State(True, "works")
ROW = Row(7, NOW - timedelta(hours=1), "<b>disk full</b>")


def facts(components=None, note="", series=None, **rows):
    return Facts(NOW, components or {"stream": WELL}, series or {}, note, Rows(**rows))


def one(**given):
    (item,) = items(facts(**given))
    return item


def test_a_pipeline_that_is_well_needs_nothing():
    assert items(facts(series={("api_job_age_seconds", ("backup",)): 3600.0, ("api_dead_letters", ()): 0})) == []


def test_a_component_at_fault_says_what_to_do_and_links_to_its_list():
    item = one(components={"stream": WELL, "flusher": State(False, "it ended: start it")})
    assert (item.part, item.what, item.url) == ("flusher", "it ended: start it", "/admin/lake/batchrun/")


@pytest.mark.parametrize(
    ("given", "part", "url"),
    [
        ({"failed_batches": (ROW,)}, "batch failed", "/admin/lake/batchrun/7/change/"),
        ({"gaps": (ROW,)}, "gap", "/admin/ingest/connection/7/change/"),
        ({"requests": (ROW,)}, "request failed", "/admin/lake/request/7/change/"),
        ({"waiting": (ROW,)}, "request waits", "/admin/lake/request/7/change/"),
    ],
)
def test_a_row_is_linked(given, part, url):
    item = one(**given)
    assert (item.part, item.url) == (part, url)
    assert item.what == "2026-07-01 11:00 UTC: <b>disk full</b>"


@pytest.mark.parametrize(
    ("series", "part", "words"),
    [
        ({("api_dead_letters", ()): 1200.0}, "dead letters", "1,200 frames"),
        ({("api_job_age_seconds", ("backup",)): 37 * 3600.0}, "backup", "37.0 h old"),
        ({("api_job_failed", ("verification",)): 1.0}, "verification", "has failed"),
        (
            {("api_disk_free_bytes", ("lake",)): 10.0, ("api_disk_size_bytes", ("lake",)): 100.0},
            "disk",
            "10% of the disk of the lake",
        ),
        ({("api_disk_days_left", ("lake",)): 3.25}, "disk", "full in 3.2 days"),
    ],
)
def test_a_figure_beyond_its_limit_is_said(series, part, words):
    item = one(series=series)
    assert item.part == part
    assert words in item.what
    assert item.advice


def test_deletes_that_are_late_and_orphans_are_said():
    assert one(oldest_tombstone=NOW - timedelta(hours=25)).url == "/admin/lake/request/add/?kind=compact"
    assert items(facts(oldest_tombstone=NOW - timedelta(hours=23))) == []
    assert one(note="3 files in LAKE_ROOT/.orphans: look at them").part == "orphans"


def test_the_limits_are_those_of_the_alerts():
    rules = (ROOT / "deploy/prometheus/rules/alerts.yml").read_text()
    hours = int(OVERDUE["backup"].total_seconds() // 3600)
    assert OVERDUE["catalog_check"] == OVERDUE["backup"]
    assert f'api_job_age_seconds{{task=~"backup|catalog_check"}} > {hours} * 3600' in rules
    assert f'api_job_age_seconds{{task="verification"}} > {OVERDUE["verification"].days} * 24 * 3600' in rules
    assert OVERDUE.keys() == JOB_COMMANDS.keys() == set(JOBS)
    assert f"api_disk_free_bytes / api_disk_size_bytes < {DISK_LOW}" in rules


@pytest.mark.parametrize(
    ("seconds", "text"), [(-3, "0 s"), (172, "172 s"), (300, "5 min"), (7200, "2.0 h"), (200_000, "2.3 days")]
)
def test_a_duration_is_short(seconds, text):
    assert duration(seconds) == text


def test_what_is_not_known_is_said_to_be_unknown_and_never_zero():
    shown = {figure.label: figure.value for _, figures in groups(facts()) for figure in figures}
    assert shown["events in the buffer"] == shown["rows"] == shown["searchable"] == "unknown"
