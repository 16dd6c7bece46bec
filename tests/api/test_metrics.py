"""/metrics of the web process tells the state of the whole, what it counts itself, and nothing of others."""

import socket
import time
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api import metrics
from api.answers import service_state
from api.metrics import WEB
from api.views.measured import outcome
from ingest.buffer.entries import Cursor
from ingest.handles.appview_replies import Outcome
from ingest.handles.store import ASKED, FIRST, Claim, Store
from ingest.models import Connection
from ingest.stream.frames import read_frames
from lake.models import BatchRun, DataFile
from process import heartbeats, records
from process.instants import now_us
from tests.builders import ALICE, BOB, like, post
from tests.metrics_page import PAGE, Section, page, sections


@pytest.fixture
def scrape(client, db, settings, tmp_path):
    """Series of ours as {(name, *label values): value}."""
    settings.HANDLES_PATH = tmp_path / "handles.sqlite3"
    settings.DATABASE_PATH = tmp_path / "catalog.sqlite3"

    def scraped():
        text = client.get("/metrics").content.decode()
        families = [family for family in text_string_to_metric_families(text) if family.name.startswith("api_")]
        return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}

    return scraped


def buffered(buffer, *frames, cursor):
    read = read_frames(frames, None, "test", now_us())
    buffer.append(read.events, read.drops, cursor)


# --- what it counts itself: all tests share the registry, so only a rise can be told ---


def rise(after, before, name):
    """By label values, of a series."""
    return {
        key[1:]: value - before.get(key, 0)
        for key, value in after.items()
        if key[0] == name and value != before.get(key, 0)
    }


def test_every_series_and_label_value_is_there_from_the_start(scrape, buffer, lake_root):
    found = scrape()
    for name, kind, _, labels in WEB:
        counted = f"{name}_count" if kind == "histogram" else name
        there = {key[1:] for key in found if key[0] == counted}
        if name == "api_compression_ratio":
            assert there == set(), "there is nothing to compare"
        elif name == "api_lag_seconds":
            assert there == {("buffered",)}, "nothing is known, which is not the same as no lag"
        else:
            assert there == expected(labels), name


def expected(labels):
    combined = {()}
    for values in labels.values():
        combined = {(*one, value) for one in combined for value in values}
    return combined


def test_the_state_of_an_empty_service_is_zero(scrape, buffer, lake_root):
    found = scrape()
    state = {series.name for series in metrics.STATE}
    unlike = {"api_buffer_fill_ratio", "api_heartbeat_age_seconds", "api_disk_days_left", "api_unhandled_errors_total"}
    unlike |= {"api_disk_free_bytes", "api_disk_size_bytes", "api_flush_interval_seconds"}
    assert {key for key, value in found.items() if key[0] in state - unlike and value} == set()


REQUESTS = [  # the request, the queries that it makes, the class of its answer
    ("/search?text=one", [("search", "ok")], "2xx"),
    ("/search?limit=1", [("search", "ok"), ("count", "ok")], "2xx"),
    ("/search?limit=none", [("search", "refused")], "4xx"),
    ("/api/v1/timeline", [("timeline", "ok")], "2xx"),
    ("/api/v1/top", [("top", "ok")], "2xx"),
    ("/api/v1/posts", [("posts", "refused")], "4xx"),
    ("/api/v1/stats", [("stats", "ok")], "2xx"),
    ("/api/v1/coverage", [("coverage", "ok")], "2xx"),
    ("/export/manifest", [("manifest", "ok")], "2xx"),
    ("/nowhere", [], "4xx"),
    ("/admin", [], "3xx"),
    ("/metrics", [], None),
    ("/health/live", [], None),
]


def test_a_request_is_counted_by_kind_and_outcome(scrape, lake, client):
    lake.flush(post("one"), *(post("two") for _ in range(9)))
    after = scrape()
    for place, asked, ended in REQUESTS:
        before = after
        client.get(place)
        after = scrape()
        assert rise(after, before, "api_query_seconds_count") == dict.fromkeys(asked, 1), place
        assert rise(after, before, "api_responses_total") == ({(ended,): 1} if ended else {}), place


@pytest.mark.parametrize(
    ("status", "code", "complete", "ended"),
    [
        (200, "", True, "ok"),
        (200, "", False, "timeout"),
        (400, "invalid_parameter", True, "refused"),
        (429, "throttled", True, "refused"),
        (503, "overloaded", True, "refused"),
        (503, "query_too_slow", True, "timeout"),
        (503, "query_too_large", True, "timeout"),
        (503, "lake_unavailable", True, "error"),
        (500, "internal_error", True, "error"),
    ],
)
def test_how_a_query_ended(status, code, complete, ended):
    assert outcome(status, code, complete) == ended


def test_an_export_is_counted_at_its_end(scrape, lake, client):
    lake.flush(post("one"), post("two"))
    before = scrape()
    response = client.get("/export?format=ndjson")
    assert rise(scrape(), before, "api_query_seconds_count") == {}
    assert len(response.getvalue().splitlines()) == 2
    response.close()
    after = scrape()
    assert rise(after, before, "api_query_seconds_count") == {("export", "ok"): 1}
    assert rise(after, before, "api_rows_exported_total") == {("ndjson",): 2}


def test_an_export_whose_client_goes_is_abandoned(scrape, lake, client):
    lake.flush(post())
    before = scrape()
    client.get("/export?format=csv").close()
    assert rise(scrape(), before, "api_query_seconds_count") == {("export", "abandoned"): 1}


def test_hits_that_must_not_show_are_counted(scrape, lake, client):
    lake.flush(post("lake", rkey="one"), post("lake", rkey="two"))
    lake.flush(post("lake", "update", rkey="one"))
    before = scrape()
    meta = client.get("/search?text=lake").json()["meta"]
    assert rise(scrape(), before, "api_hits_hidden_total") == {(): meta["hidden"]}
    assert meta["hidden"] == 1


def test_an_unexpected_error_is_counted_by_type(scrape, lake, client, monkeypatch):
    def fails(*_):
        raise ZeroDivisionError

    before = scrape()
    monkeypatch.setattr("api.views.queries.stats", fails)
    client.raise_request_exception = False
    assert client.get("/api/v1/stats").status_code == 500
    after = scrape()
    assert rise(after, before, "api_unhandled_errors_total") == {("web", "Exception"): 1}
    assert rise(after, before, "api_query_seconds_count") == {("stats", "error"): 1}
    assert rise(after, before, "api_responses_total") == {("5xx",): 1}


# --- the state of the whole ------------------------------------------------------------------------------------------


def test_the_buffer(scrape, buffer):
    buffered(buffer, post("one"), post("two"), b"junk", cursor=Cursor(now_us() - 7_000_000))
    found = scrape()
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
    assert found["api_lake_files", "posts"] == 1
    assert found["api_lag_seconds", "buffered"] == 0
    assert found["api_batches_total", "committed"] == 1
    run = BatchRun.objects.get()
    assert found["api_compression_ratio",] == pytest.approx(run.bytes_in / run.bytes_out)
    assert found["api_last_batch_seconds",] == BatchRun.objects.get().seconds


def test_a_superseded_file_and_one_of_the_future_do_not_count(scrape, lake):
    lake.flush(post("one", time_us=now_us() - 60_000_000))
    lake.flush(post("two", time_us=now_us() + 1_800_000_000), like("at://x/y/z"))
    DataFile.objects.filter(dataset="likes").update(superseded_at=datetime.now(UTC))
    found = scrape()
    assert found["api_lake_rows", "likes"] == 0
    assert 60 <= found["api_lag_seconds", "searchable"] < 65


def test_failures_and_gaps(scrape, buffer, lake_root):
    now = datetime.now(UTC)
    for hours, state in ((1, "failed"), (2, "committed"), (30, "failed")):
        BatchRun.objects.create(started_at=now - timedelta(hours=hours), seconds=hours, state=state, events=1)
    for hours, gap in ((1, 99.0), (2, None), (30, 99.0)):
        opened = now - timedelta(hours=hours)
        Connection.objects.create(host="h", wire="v1", opened_at=opened, saved_at=opened, gap_seconds=gap)
    found = scrape()
    assert (found["api_batches_total", "committed"], found["api_batches_total", "failed"]) == (1, 2)
    assert found["api_gaps_total",] == 2
    assert found["api_last_batch_seconds",] == 1


def test_processes_and_jobs(scrape, lake):
    lake.flush(post())
    BatchRun.objects.update(started_at=datetime.now(UTC) - timedelta(hours=5))
    heartbeats.start("flusher")
    heartbeats.end()
    with pytest.raises(OSError), records.errors_counted("consumer"):
        raise OSError
    with records.job("backup"):
        pass
    with pytest.raises(ValueError), records.job("backup"):
        raise ValueError
    found = scrape()
    assert found["api_heartbeat_age_seconds", "flusher"] < 5
    assert found["api_heartbeat_age_seconds", "consumer"] == pytest.approx(time.time() - service_state.STARTED, abs=5)
    assert found["api_heartbeat_age_seconds", "maintenance"] == 0, "cron may do its work"
    assert found["api_unhandled_errors_total", "consumer", "OSError"] == 1
    assert (found["api_job_failed", "backup"], found["api_job_failed", "verification"]) == (1, 0)
    assert found["api_job_age_seconds", "backup"] < 5
    assert found["api_job_failed", "catalog_check"] == 0
    assert found["api_job_age_seconds", "verification"] == pytest.approx(5 * 3600, abs=5), "there never was one"


def test_the_handles(scrape, settings):
    store = Store(settings.HANDLES_PATH, 1).create()
    with store.transaction():
        store.claim([Claim(ALICE, "alice.example", now_us())])
        store.wait([BOB], FIRST, now_us() - 3_000_000)
        store.count({"answered": 2, "slow": 1, ASKED: 40})
    found = scrape()
    assert found["api_handles_known",] == found["api_handles_waiting",] == 1
    assert 3 <= found["api_handles_lag_seconds",] < 5
    assert found["api_handles_asked_total",] == 40
    calls = {key[1]: value for key, value in found.items() if key[0] == "api_handle_calls_total"}
    assert calls == {str(outcome): {"answered": 2, "slow": 1}.get(outcome, 0) for outcome in Outcome}


def names(found):
    return {key[0] for key in found}


BUFFER_SERIES = {"api_buffer_depth", "api_buffer_fill_ratio", "api_dead_letters"}


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


def test_a_missing_disk_leaves_its_series_out(scrape, settings, tmp_path):
    settings.LAKE_ROOT = tmp_path / "away"
    found = scrape()
    assert {key[1] for key in found if key[0] == "api_disk_free_bytes"} == {"catalog"}
    assert "api_disk_days_left" not in names(found)
    assert "api_batches_total" in names(found)


def test_a_scrape_reads_little(scrape, buffer, lake_root, django_assert_max_num_queries):
    with django_assert_max_num_queries(10):
        scrape()


# --- the lists -------------------------------------------------------------------------------------------------------


def test_the_page_is_what_the_lists_say():
    assert PAGE.read_text() == page(sections()), "run: .venv/bin/python -m tests.metrics_page"


def test_a_series_that_is_on_the_page_twice_is_refused():
    one = Section("one", "", [("name", "gauge", "", {})])
    with pytest.raises(ValueError, match="name"):
        page([one, one])


def test_names_tell_package_kind_and_stage():
    for part, prefix in zip(sections(), ("api_", "ingest_", "lake_", "lake_", "lake_"), strict=True):
        for name, kind, meaning, labels in part.series:
            assert name.startswith(prefix)
            assert name.endswith("_total") == (kind == "counter")
            assert meaning.endswith(".")
            assert set(labels.get("stage", ())) <= {"received", "buffered", "searchable"}


def test_the_web_process_exports_its_own_series_only(client, db):
    text = client.get("/metrics").content.decode()
    exported = {family.name for family in text_string_to_metric_families(text)}
    ours = {name for name in exported if not name.startswith(("django_", "process_", "python_"))}
    assert ours == {series.name.removesuffix("_total") for series in WEB}
