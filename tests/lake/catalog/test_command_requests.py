"""Requests of the admin: begun, answered, and neither lost nor begun for ever when a process ends in between."""

import pytest
from django.db import connection

from lake.catalog.command_requests import MOST_ATTEMPTS, WHO, answer, delegate, pending, whereabouts
from lake.errors import LakeError, RequestRefused
from lake.models import Request
from process import heartbeats
from process.signals import Stop

pytestmark = pytest.mark.django_db
FLUSH = Request.Kind.FLUSH


@pytest.fixture
def asked(settings, tmp_path):
    settings.DATABASE_PATH = tmp_path / "catalog.sqlite3"
    return Request.objects.create(kind=FLUSH)


def state(request):
    request.refresh_from_db()
    return request.state, request.attempts, request.result


def raising(error):
    def work():
        raise error

    return work


def test_it_is_running_during_the_work_and_done_with_its_result_afterwards(asked):
    during = []
    assert answer([asked], lambda: during.append(state(asked)) or "nothing was due")
    assert during == [("running", 1, "")]
    assert state(asked) == ("done", 1, "nothing was due")
    assert asked.asked_at <= asked.started_at <= asked.finished_at
    assert pending(FLUSH) == []


def test_nothing_asked_is_nothing_done():
    assert not answer([], raising(AssertionError()))


def test_what_can_not_be_done_is_said_and_not_tried_again(asked):
    assert not answer([asked], raising(RequestRefused("no such hour")))
    assert state(asked) == ("failed", 1, "no such hour")


def test_a_stop_in_the_middle_leaves_it_to_the_next_start(asked):
    assert not answer([asked], lambda: None)
    assert state(asked) == ("waiting", 0, "")
    assert pending(FLUSH) == [asked]


def test_a_process_that_ends_in_the_middle_begins_again_but_not_for_ever(asked):
    for attempt in range(1, MOST_ATTEMPTS + 1):
        with pytest.raises(KeyboardInterrupt):  # as a kill: nothing after it runs
            answer(pending(FLUSH), raising(KeyboardInterrupt()))
        assert state(asked) == ("running", attempt, "")
    assert not answer(pending(FLUSH), raising(AssertionError("begun once more")))
    assert state(asked)[0] == "failed"
    assert "never finished: its process ended" in asked.result


def test_an_error_ends_the_process_as_ever_and_is_the_last_word(asked):
    for _ in range(MOST_ATTEMPTS):
        with pytest.raises(OSError, match="disk full"):
            answer(pending(FLUSH), raising(OSError("disk full")))
    answer(pending(FLUSH), raising(AssertionError()))
    assert state(asked) == ("failed", 3, "begun 3 times and never finished: disk full")


def test_one_piece_of_work_answers_all_who_asked(asked):
    other = Request.objects.create(kind=FLUSH)
    Request.objects.create(kind="compact")
    assert answer(pending(FLUSH), lambda: "once")
    assert state(asked) == state(other) == ("done", 1, "once")
    assert len(pending(*Request.Kind)) == 1


def test_where_it_is_depends_on_the_process_whose_job_it_is(asked):
    assert whereabouts(asked) == "flush_buffer does not run: start it, and it begins with this"
    with heartbeats.beating("flusher"):
        heartbeats.beat("writes a batch of 7 events")
        heartbeats._process.write()
        assert whereabouts(asked) == (
            "waits for the flusher, which takes it up after its present step (now: writes a batch of 7 events)"
        )
        asked.state = Request.State.RUNNING
        assert whereabouts(asked) == "the flusher is at it (writes a batch of 7 events)"
    assert "does not run" in whereabouts(asked)


def test_each_kind_is_somebodys_job():
    assert set(WHO) == set(Request.Kind)
    assert set(WHO.values()) <= set(heartbeats.COMMANDS)


def test_who_asked_by_once_learns_of_the_failure(asked, monkeypatch):
    monkeypatch.setattr("lake.catalog.command_requests.running", lambda command: True)
    stop = Stop()
    stop.wait = lambda seconds: answer(pending(FLUSH), raising(RequestRefused("no")))
    with pytest.raises(LakeError, match="could not do it: no"):
        delegate("flush_buffer", FLUSH, stop)


def test_a_version_of_before_still_writes_its_requests(asked):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO lake_request (kind, arguments, asked_at, state, result) "
            "VALUES ('flush', '{}', '2026-07-01', 'waiting', '')"
        )
    assert len(pending(FLUSH)) == 2
