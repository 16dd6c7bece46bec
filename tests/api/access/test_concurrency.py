"""How much is done at once: never more, first come first served, and every place comes back."""

import runpy
import threading
import time
from contextlib import suppress

import pytest
from django.http import StreamingHttpResponse
from django.urls import path
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework.response import Response

from api.access import concurrency
from api.access.concurrency import LIMITS, Limit, Overloaded, Slot, slot
from api.views.view import View
from deploy.local.child import ROOT
from explorer.urls import urlpatterns as project
from lake.search.answer_cache import WAITING

LINES = [b"1\n", b"2\n", b"3\n"]


class Export(View):
    def get(self, request):
        body = iter(()) if request.method == "HEAD" else iter(LINES)
        with slot("export") as taken:
            return StreamingHttpResponse(taken.over(body))


class Search(View):
    def get(self, _request):
        with slot("search"):
            return Response({})


urlpatterns = [path("e", Export.as_view()), path("s", Search.as_view()), *project]


@pytest.fixture
def one(monkeypatch):
    """The limit of exports is one, with nobody in line."""
    limit = Limit(1, line=0)
    monkeypatch.setitem(LIMITS, "export", limit)
    return limit


def until(done):
    end = time.monotonic() + 10
    while not done():
        assert time.monotonic() < end
        time.sleep(0.001)


def test_never_more_at_once_and_all_are_served():
    limit, at_work, most, served = Limit(3, line=50, patience=10), [], [], []

    def work(n):
        with Slot(limit):
            at_work.append(n)
            most.append(len(at_work))
            time.sleep(0.002)
            at_work.remove(n)
        served.append(n)

    threads = [threading.Thread(target=work, args=[n]) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 3
    assert len(served) == 40
    assert limit.free == 3


def test_first_come_first_served():
    limit, served, threads = Limit(1, line=9, patience=10), [], []

    def work(n):
        with Slot(limit):
            served.append(n)

    first = Slot(limit)
    for n in range(9):
        threads.append(threading.Thread(target=work, args=[n]))
        threads[-1].start()
        until(lambda n=n: len(limit._waiting) == n + 1)
    first.release()
    for thread in threads:
        thread.join()
    assert served == list(range(9))


def test_a_place_that_came_free_is_the_next_ones_and_nobody_comes_between():
    limit = Limit(1, line=1, patience=10)
    first = Slot(limit)
    waiting = threading.Thread(target=limit.take)
    waiting.start()
    until(lambda: limit._waiting)
    first.release()
    limit.line = 0
    with pytest.raises(Overloaded):
        limit.take()  # the place is given although the thread may not have woken
    waiting.join()


def test_a_full_line_refuses_at_once():
    """Not after a wait: one that is in line, and whose patience ends first, still is."""
    limit, served = Limit(1, line=1, patience=10), []
    limit.take()
    waiting = threading.Thread(target=lambda: (limit.take(), served.append(1)))
    waiting.start()
    until(lambda: limit._waiting)
    limit.patience = 20
    with pytest.raises(Overloaded):
        limit.take()
    limit.give()
    waiting.join()
    assert served


def test_a_line_that_does_not_move_refuses_when_its_patience_ends():
    limit = Limit(1, line=1, patience=0.2)
    limit.take()
    started = time.monotonic()
    with pytest.raises(Overloaded):
        limit.take()
    assert time.monotonic() - started >= 0.2
    assert not limit._waiting, "who has given up does not stand in line"
    limit.give()
    limit.take()


def test_a_turn_that_comes_at_the_last_moment_is_taken():
    """Given between the end of the wait and the lock: the place must neither be lost nor given twice."""
    limit = Limit(1, line=1, patience=0)
    limit.take()

    class LateTurn(threading.Event):
        def wait(self, timeout=None):
            limit.give()
            return False

    concurrency.threading.Event, kept = LateTurn, threading.Event
    try:
        limit.take()
    finally:
        concurrency.threading.Event = kept
    assert limit.free == 0
    limit.give()
    assert limit.free == 1


def held_by_the_caller(limit, held):
    held.append(Slot(limit))


def given_back(limit, held):
    while held:
        held.pop().release()


def left_with_an_answer(limit, held):
    with Slot(limit):
        pass


def failed(limit, held):
    with suppress(ZeroDivisionError), Slot(limit) as taken:
        taken.over(iter(LINES))
        raise ZeroDivisionError


def streamed(limit, held, read=True, times=1):
    with Slot(limit) as taken:
        stream = taken.over(line for line in LINES)
    assert limit.free == 2 - len(held), "kept beyond the view"
    if read:
        assert b"".join(stream) == b"".join(LINES)
    for _ in range(times):
        stream.close()


def streamed_unread(limit, held):
    streamed(limit, held, read=False)


def closed_twice(limit, held):
    streamed(limit, held, times=2)


STEPS = (held_by_the_caller, given_back, left_with_an_answer, failed, streamed, streamed_unread, closed_twice)


@settings(max_examples=50)
@given(st.lists(st.sampled_from(STEPS), max_size=30))
def test_every_place_comes_back(steps):
    limit, held = Limit(3, line=0), []
    for step in steps:
        with suppress(Overloaded):
            step(limit, held)
        assert limit.free == 3 - len(held)


def test_a_stream_closes_its_body_also_when_that_fails():
    limit, closed = Limit(1, line=0), []

    class Body:
        def __iter__(self):
            return self

        def __next__(self):
            raise RuntimeError("in the middle")

        def close(self):
            closed.append(1)
            raise RuntimeError("at the end")

    stream = Slot(limit).over(Body())
    with pytest.raises(RuntimeError, match="middle"):
        next(stream)
    with pytest.raises(RuntimeError, match="end"):
        stream.close()
    assert closed
    assert limit.free == 1


@pytest.mark.django_db
def test_over_http_a_streamed_answer_keeps_its_place_until_it_is_closed(client, settings, one, caplog):
    settings.ROOT_URLCONF = __name__
    first = client.get("/e")
    assert one.free == 0
    refused = client.get("/e")
    assert refused.status_code == 503
    assert refused["Retry-After"] == "10"
    error = refused.json()["error"]
    assert (error["code"], error["temporary"]) == ("overloaded", True)
    assert "`overloaded`" in (ROOT / "docs" / "api.md").read_text()
    assert "overloaded" in caplog.text
    assert "Traceback" not in caplog.text
    assert client.get("/s").status_code == 200, "searches have places of their own"
    assert client.get("/health/live").status_code == 200
    assert b"".join(first.streaming_content) == b"".join(LINES)
    first.close()
    assert one.free == 1
    client.head("/e").close()
    client.get("/e").close()  # a client that goes before the first byte
    assert one.free == 1


def test_there_is_a_thread_for_each_and_some_for_the_rest():
    threads = runpy.run_path(str(ROOT / "deploy" / "gunicorn.conf.py"))["threads"]
    assert threads >= sum(limit.at_once + limit.line for limit in LIMITS.values()) + WAITING + 8
