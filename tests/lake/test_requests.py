"""What may be asked for in the admin, done by the flusher, the compactor and the resolver of handles."""

from datetime import UTC, datetime

import pytest

from api.management.commands import resolve_handles
from ingest.events import Drop, DropReason
from ingest.handles.store import Store
from lake.management.commands import compact_lake, flush_buffer
from lake.models import BatchRun, DataFile, Request
from process.signals import Stop
from tests.builders import ALICE, NOON_US, delete, post
from tests.ingest.handles.appview_server import appview_server, status
from tests.lake.compact.compacting import HOUR, NOON, make, states

POSTS = {"dataset": "posts", "hour": "2026-07-01T12:00:00+00:00"}


@pytest.fixture(autouse=True)
def own_catalog_path(settings, tmp_path):
    settings.DATABASE_PATH = tmp_path / "catalog.sqlite3"  # its lock and its heartbeats are this test's own
    settings.HANDLES_PATH = tmp_path / "handles.sqlite3"


def ask(kind, **arguments):
    return Request.objects.create(kind=kind, arguments=arguments)


def outcome(request):
    request.refresh_from_db()
    return request.state, request.result


def flusher(lake, stop=None):
    return flush_buffer.serve(stop or Stop(), lake.buffer, lake.flusher)


def compactor(lake, stop=None):
    stop = stop or Stop()
    compact_lake.serve(stop, make(lake.root, stop=lambda: bool(stop)))


# --- the flusher ---------------------------------------------------------------------------------------------------


def test_the_flusher_flushes_now(lake):
    lake.append(post("one"))
    request = ask("flush")
    assert flusher(lake)
    assert outcome(request) == ("done", "the buffer is empty: 1 events taken from it")
    assert not flusher(lake)


def test_a_failed_batch_is_tried_again_with_its_dead_letters(lake):
    raw = post("set aside once")
    lake.append(post("one"))
    first = lake.buffer.newest_id().decode()
    failed = BatchRun.objects.create(
        started_at=datetime.now(UTC), seconds=1, state="failed", events=1, first_id=first, last_id=first, error="x"
    )
    lake.buffer.set_aside([Drop(raw, DropReason.POISON), Drop(b"junk", DropReason.NOT_JSON)])
    request = ask("retry_batch", batch=failed.pk)
    assert flusher(lake)
    assert sorted(row["text"] for row in lake.rows("posts")) == ["one", "set aside once"]
    state, result = outcome(request)
    assert state == "done"
    assert "1 replayed, 1 still not events" in result
    assert f"its entries are in batch {failed.pk + 1}" in result


def test_a_batch_that_has_not_failed_is_not_tried_again(lake):
    lake.flush(post("one"))
    request = ask("retry_batch", batch=BatchRun.objects.get().pk)
    flusher(lake)
    assert outcome(request)[0] == "failed"
    assert "there is no failed batch" in outcome(request)[1]


# --- the compactor -------------------------------------------------------------------------------------------------


def test_one_hour_is_compacted_and_no_other(lake):
    for number in range(3):
        lake.flush(post(f"{number}", time_us=NOON_US + number), post("next", time_us=NOON_US + HOUR + number))
    request = ask("compact_hour", **POSTS)
    compactor(lake)
    state, result = outcome(request)
    assert (state, result.partition(" bytes")[0].partition(" and")[0]) == ("done", "3 files of 3 rows")
    assert DataFile.listed.filter(hour=NOON).count() == 1
    assert DataFile.listed.exclude(hour=NOON).count() == 3
    assert len(lake.rows("posts")) == 6


def test_a_compacted_hour_takes_in_deletes_and_late_rows(lake):
    lake.flush(post("gone", rkey="a", time_us=NOON_US))
    make(lake.root).round(patient=False)
    lake.flush(delete("a", time_us=NOON_US + 2), post("late", rkey="b", time_us=NOON_US + 1))
    request = ask("compact_hour", **POSTS)
    compactor(lake)
    assert outcome(request)[0] == "done"
    assert states(lake) == {"a": "deleted", "b": None}
    assert DataFile.listed.filter(dataset="posts").count() == 1


def test_an_hour_that_goes_on_or_has_no_files_is_refused(lake):
    lake.flush(post("one"))
    now = f"{datetime.now(UTC).replace(minute=0, second=0, microsecond=0):%Y-%m-%dT%H:00:00+00:00}"
    requests = [ask("compact_hour", dataset="posts", hour=now), ask("compact_hour", **{**POSTS, "dataset": "likes"})]
    compactor(lake)
    assert [outcome(request)[0] for request in requests] == ["failed", "failed"]
    assert "is not over" in outcome(requests[0])[1]
    assert "likes has no files" in outcome(requests[1])[1]


def test_chosen_files_are_verified(lake):
    lake.flush(post("one", time_us=NOON_US), post("two", time_us=NOON_US + HOUR))
    paths = list(DataFile.objects.order_by("hour").values_list("path", flat=True))
    good = ask("verify_files", files=paths[:1])
    compactor(lake)
    assert outcome(good)[0] == "done"
    assert outcome(good)[1].startswith("OK: 1 files, 1 rows, ")
    with (lake.root / paths[1]).open("ab") as file:
        file.write(b"x")
    bad = ask("verify_files", files=[*paths, "posts/replaced.parquet"])
    compactor(lake)
    result = outcome(bad)[1].splitlines()
    assert result[0].startswith("1 differences in 2 files")
    assert result[1].startswith(f"{paths[1]}: has ")
    assert result[2].startswith("1 are listed no more")


@pytest.mark.parametrize(("kind", "arguments"), [("compact_hour", POSTS), ("verify_files", {"files": ["x"]})])
def test_a_stop_leaves_a_request_waiting(lake, kind, arguments):
    lake.flush(post("one"))
    arguments = {"files": [DataFile.objects.get().path]} if kind == "verify_files" else arguments
    request = ask(kind, **arguments)
    stop = Stop()
    worker = make(lake.root, stop=lambda: True)
    errand = compact_lake._errand
    assert compact_lake.answer([request], lambda: (stop.set(), errand(stop, worker, request))[1]) is False
    assert outcome(request) == ("waiting", "")
    compactor(lake)
    assert outcome(request)[0] == "done"


# --- the resolver of handles ---------------------------------------------------------------------------------------


@pytest.fixture
def server(settings):
    with appview_server() as server:
        server.handles = {ALICE: "alice.example"}
        settings.APPVIEW_URL = server.url
        yield server


def resolver(stop=None):
    resolve_handles.Work(stop or Stop(), once=True)._errands()


@pytest.mark.parametrize("account", [ALICE, "alice.example"])
def test_a_handle_is_looked_up_now(db, buffer, server, settings, account):
    request = ask("refresh_handle", account=account)
    resolver()
    assert outcome(request) == ("done", f"{ALICE} is @alice.example")
    assert Store(settings.HANDLES_PATH, 1).names([ALICE]) == {ALICE: "alice.example"}


def test_an_account_without_a_handle_is_said_so(db, buffer, server):
    request = ask("refresh_handle", account="did:plc:gone")
    resolver()
    assert outcome(request) == ("done", "did:plc:gone has no handle now")


def test_why_a_handle_is_not_looked_up(db, buffer, server, settings):
    unknown = ask("refresh_handle", account="nobody.example")
    resolver()
    assert outcome(unknown) == ("failed", "the AppView knows no account @nobody.example")
    server.faults = [status(503)]
    down = ask("refresh_handle", account=ALICE)
    resolver()
    assert outcome(down)[0] == "failed"
    assert outcome(down)[1].endswith("Ask again later.")
    settings.APPVIEW_URL = ""
    nobody = ask("refresh_handle", account=ALICE)
    resolver()
    assert "APPVIEW_URL is empty" in outcome(nobody)[1]
