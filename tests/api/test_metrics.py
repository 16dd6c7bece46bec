"""/metrics of the web process tells the state of the whole, and docs/metrics.md what each series means."""

import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from api.metrics import SERIES, Series
from ingest.buffer.entries import Cursor
from ingest.events import DropReason
from ingest.handles.appview_replies import Outcome
from ingest.handles.store import FIRST, Claim, Store
from ingest.models import Connection
from ingest.stream import metrics as ingest_metrics
from ingest.stream.frames import read_frames
from lake.catalog import metrics as catalog_metrics
from lake.compact import metrics as compact_metrics
from lake.flush import metrics as flush_metrics
from lake.models import BatchRun, DataFile
from lake.schema import DATASETS
from process.instants import now_us
from tests.builders import ALICE, BOB, like, post

ROOT = Path(__file__).parents[2]
DOC = ROOT / "docs" / "metrics.md"


@pytest.fixture
def scrape(client, db, settings, tmp_path):
    """Series of ours as {(name, label): value}."""
    settings.HANDLES_PATH = tmp_path / "handles.sqlite3"

    def scraped():
        text = client.get("/metrics").content.decode()
        families = [family for family in text_string_to_metric_families(text) if family.name.startswith("api_")]
        return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}

    return scraped


def buffered(buffer, *frames, cursor):
    read = read_frames(frames, None, "test", now_us())
    buffer.append(read.events, read.drops, cursor)


def test_an_empty_service_shows_zeros(scrape, buffer):
    found = scrape()
    assert {key[1] for key in found if key[0] == "api_frames_dropped_total"} == set(DropReason)
    assert {key[1] for key in found if key[0] == "api_lake_rows"} == set(DATASETS)
    fill = found.pop(("api_buffer_fill_ratio",))
    assert 0 < fill < 1
    assert set(found.values()) == {0}
    assert ("api_lag_seconds", "searchable") not in found, "nothing is known, which is not the same as no lag"
    assert ("api_lag_seconds", "received") not in found


def test_the_buffer(scrape, buffer):
    buffered(buffer, post("one"), post("two"), b"junk", cursor=Cursor(now_us() - 7_000_000))
    found = scrape()
    assert found["api_frames_received_total",] == 3
    assert found["api_frames_dropped_total", "not_json"] == 1
    assert found["api_buffer_depth",] == 2
    assert found["api_dead_letters",] == 1
    assert 7 <= found["api_lag_seconds", "received"] < 9
    assert 0 <= found["api_lag_seconds", "buffered"] < 2


def test_the_lake(scrape, lake):
    lake.flush(
        post("one", time_us=now_us() - 60_000_000), post("two", time_us=now_us() - 90_000_000), like("at://x/y/z")
    )
    found = scrape()
    assert found["api_lake_rows", "posts"] == 2
    assert found["api_lake_rows", "likes"] == 1
    assert found["api_lake_bytes", "posts"] == DataFile.objects.get(dataset="posts").bytes
    assert 60 <= found["api_lag_seconds", "searchable"] < 65
    assert found["api_lag_seconds", "buffered"] == 0
    assert found["api_last_batch_seconds",] == BatchRun.objects.get().seconds


def test_a_superseded_file_and_one_of_the_future_do_not_count(scrape, lake):
    lake.flush(post("one", time_us=now_us() - 60_000_000))
    lake.flush(post("two", time_us=now_us() + 1_800_000_000), like("at://x/y/z"))
    DataFile.objects.filter(dataset="likes").update(superseded_at=datetime.now(UTC))
    found = scrape()
    assert found["api_lake_rows", "likes"] == 0
    assert 60 <= found["api_lag_seconds", "searchable"] < 65


def test_failures_and_gaps_of_the_last_day(scrape, buffer):
    now = datetime.now(UTC)
    for hours, state in ((1, "failed"), (2, "committed"), (30, "failed")):
        BatchRun.objects.create(started_at=now - timedelta(hours=hours), seconds=hours, state=state, events=1)
    for hours, gap in ((1, 99.0), (2, None), (3, 61.0), (30, 99.0)):
        opened = now - timedelta(hours=hours)
        Connection.objects.create(host="h", wire="v1", opened_at=opened, saved_at=opened, gap_seconds=gap)
    found = scrape()
    assert found["api_failed_batches_last_day",] == 1
    assert found["api_gaps_last_day",] == 2
    assert found["api_last_batch_seconds",] == 1


def test_the_handles(scrape, settings):
    store = Store(settings.HANDLES_PATH, 1).create()
    with store.transaction():
        store.claim([Claim(ALICE, "alice.example", now_us())])
        store.wait([BOB], FIRST, now_us() - 3_000_000)
        store.count({"answered": 2, "slow": 1})
    found = scrape()
    assert found["api_handles_known",] == found["api_handles_waiting",] == 1
    assert 3 <= found["api_handles_lag_seconds",] < 5
    calls = {key[1]: value for key, value in found.items() if key[0] == "api_handle_calls_total"}
    assert calls == {str(outcome): {"answered": 2, "slow": 1}.get(outcome, 0) for outcome in Outcome}


def names(found):
    return {key[0] for key in found}


BUFFER_SERIES = {
    *("api_frames_received_total", "api_frames_dropped_total", "api_buffer_depth"),
    *("api_buffer_fill_ratio", "api_dead_letters"),
}


def test_redis_away_leaves_its_series_out(scrape, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    found = scrape()
    assert not names(found) & BUFFER_SERIES
    assert "api_lake_rows" in names(found)


def test_a_redis_that_does_not_answer_holds_the_scrape_up_for_less_than_2_s(scrape, settings):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.REDIS_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        started = time.monotonic()
        found = scrape()
    assert time.monotonic() - started < 2
    assert "api_lake_rows" in names(found)


# --- docs/metrics.md -----------------------------------------------------------------------------------------------


def declared(module):
    """The series of a module of prometheus objects, as docs/metrics.md shows them."""
    metrics = [value for value in vars(module).values() if isinstance(value, MetricWrapperBase)]
    return [
        Series(metric._name, metric._type, ", ".join(metric._labelnames), metric._documentation) for metric in metrics
    ]


def table(series):
    lines = [
        f"| `{name}{'_total' if kind == 'counter' else ''}` | {kind} | {label} | {meaning} |"
        for name, kind, label, meaning in series
    ]
    return "\n".join(["| name | kind | labels | meaning |", "|---|---|---|---|", *lines])


@pytest.mark.parametrize(
    "series",
    [SERIES, *map(declared, (ingest_metrics, flush_metrics, compact_metrics, catalog_metrics))],
    ids=["web", "consumer", "flusher", "compactor", "both writers"],
)
def test_the_documentation_says_what_the_code_says(series):
    wanted = table(series)
    assert wanted in DOC.read_text(), f"docs/metrics.md must hold:\n{wanted}"


NAMES = """
import importlib, sys, django
django.setup()
importlib.import_module(sys.argv[1])
from prometheus_client import REGISTRY
print(*(name for names in REGISTRY._collector_to_names.values() for name in names))
"""


@pytest.mark.parametrize(
    ("module", "series"),
    [
        ("explorer.urls", SERIES),
        ("ingest.management.commands.consume_jetstream", declared(ingest_metrics)),
        ("lake.management.commands.flush_buffer", [*declared(flush_metrics), *declared(catalog_metrics)]),
        ("lake.management.commands.compact_lake", [*declared(compact_metrics), *declared(catalog_metrics)]),
    ],
    ids=["web", "consumer", "flusher", "compactor"],
)
def test_a_process_exports_its_own_series_only(module, series):
    """Those of another process would stay at zero."""
    ran = subprocess.run([sys.executable, "-c", NAMES, module], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    exported = {name for name in ran.stdout.split() if name.startswith(("api_", "ingest_", "lake_"))}
    names = {one.name for one in series}
    assert names <= exported
    assert {name for name in exported if not name.startswith(tuple(names))} == set()
