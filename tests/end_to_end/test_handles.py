"""`manage.py resolve_handles` as its operator runs it."""

import os
import re
import sqlite3
import time
from contextlib import closing

import pytest

from ingest.handles.store import Store
from ingest.simulator.server.server import running
from tests.builders import ALICE, identity, post
from tests.end_to_end.stack import until
from tests.ingest.handles.appview_server import appview_server, status

COMMAND = "resolve_handles"


@pytest.fixture
def appview():
    with appview_server() as server:
        server.handles = {ALICE: "alice.example"}
        yield server


def store_of(stack):
    return Store(stack.database.with_name("catalog.handles.sqlite3"), 5)


def buffered(stack, *frames):
    """A stack whose buffer holds these frames: the consumer has put them there."""
    with running(list(frames)) as jetstream:
        consumer = stack.consumer(JETSTREAM_URLS=jetstream.url)
        stack.await_depth(len(frames))
        consumer.stop_cleanly()


def test_the_demo_shows_the_handles_of_its_people(make_stack):
    """Simulator, consumer and resolver as `make demo` starts them: the simulator is its own AppView."""
    stack = make_stack("ws://127.0.0.1:1/subscribe", start_us=None)
    simulator = stack.start("simulate_jetstream", "--port", "0", "--rate", "200", "--users", "50")
    simulator.await_words("listening on ws")
    (url,) = re.findall(r"ws://\S+", simulator.text)
    stack.consumer(JETSTREAM_URLS=url)
    resolver = stack.start(COMMAND, APPVIEW_URL=url.replace("ws://", "http://").removesuffix("/subscribe"))
    until(lambda: handles_known(stack) > 40, "the handles are known", programs=[resolver])
    resolver.stop_cleanly()
    with closing(sqlite3.connect(stack.database.with_name("catalog.handles.sqlite3"))) as file:
        shown = [handle for (handle,) in file.execute("SELECT handle FROM account WHERE handle IS NOT NULL")]
    assert [name for name in shown if not re.fullmatch(r"[a-z]+-\d+x*\.[a-z]+\.example", name)] == []
    simulator.stop_cleanly()


def handles_known(stack):
    try:
        return store_of(stack).figures().known
    except sqlite3.Error:  # not made yet
        return 0


@pytest.mark.slow
def test_once_works_the_queue_off(make_stack, appview):
    stack = make_stack("ws://127.0.0.1:1/subscribe", start_us=None)
    dids = [f"did:plc:{number:024}" for number in range(30)]
    appview.handles |= {did: f"h{did[-2:]}.example" for did in dids}
    buffered(stack, post(did=ALICE), *(post(did=did) for did in dids))
    appview.faults = [status(503)]
    once = stack.start(COMMAND, "--once", APPVIEW_URL=appview.url)
    assert once.await_end() == 0, once.text
    assert store_of(stack).figures().known == 31
    assert store_of(stack).names([ALICE]) == {ALICE: "alice.example"}
    assert once.says("asked=31")
    assert stack.depth == 31, "the buffer is the flusher's"


@pytest.mark.slow
def test_without_an_appview_events_still_tell(make_stack):
    stack = make_stack("ws://127.0.0.1:1/subscribe", start_us=None)
    buffered(stack, identity("alice.example"), post())
    once = stack.start(COMMAND, "--once")
    assert once.await_end() == 0, once.text
    assert once.text.count("APPVIEW_URL is empty") == 1
    assert store_of(stack).names([ALICE]) == {ALICE: "alice.example"}


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["redis", "appview"])
def test_once_gives_up_with_a_sentence(make_stack, fault):
    stack = make_stack("ws://127.0.0.1:1/subscribe", start_us=None)
    buffered(stack, post())
    variables = {"APPVIEW_URL": "http://127.0.0.1:1"}
    if fault == "redis":
        variables = {"REDIS_URL": "redis://127.0.0.1:1/0"}
    once = stack.start(COMMAND, "--once", **variables)
    assert once.await_end() == 1, once.text
    assert once.text.splitlines()[-1].endswith("does not answer, see above. Try again later.")
    assert not once.says("Traceback")


def test_it_goes_on_after_a_kill(make_stack, appview):
    stack = make_stack("ws://127.0.0.1:1/subscribe", start_us=None)
    buffered(stack, post(did=ALICE))
    appview.faults = [lambda request: time.sleep(3)]
    first = stack.start(COMMAND, APPVIEW_URL=appview.url)
    until(lambda: appview.asked, "it asks", programs=[first])
    first.kill_at_work()
    stack.ask(lambda client: client.delete("buffer"))  # trimmed meanwhile
    second = stack.start(COMMAND, APPVIEW_URL=appview.url)
    until(lambda: handles_known(stack) == 1, "who waited still does", programs=[second])
    second.stop_cleanly()


@pytest.mark.slow
def test_it_runs_once_and_stops_in_time_while_nobody_answers(make_stack, appview):
    stack = make_stack("ws://127.0.0.1:1/subscribe", start_us=None)
    buffered(stack, post(did=ALICE))
    appview.faults = [lambda request: time.sleep(8)] * 3
    first = stack.start(COMMAND, APPVIEW_URL=appview.url)
    until(lambda: appview.asked, "it asks", programs=[first])
    second = stack.start(COMMAND, APPVIEW_URL=appview.url)
    second.await_words("another copy runs: waiting until it ends")
    second.stop_cleanly()
    os.kill(stack.redis.child.pid, 19)  # SIGSTOP: Redis does not answer either
    first.stop_cleanly()


def test_a_file_that_is_no_database_is_one_sentence(make_stack):
    stack = make_stack("ws://127.0.0.1:1/subscribe", start_us=None)
    stack.database.with_name("catalog.handles.sqlite3").write_bytes(b"junk" * 500)
    program = stack.start(COMMAND)
    assert program.await_end() == 1
    assert program.says("stop all processes and delete it. It is filled again")
    assert not program.says("Traceback")


def test_an_appview_that_is_none_is_refused_at_the_start(make_stack):
    stack = make_stack("ws://127.0.0.1:1/subscribe", start_us=None)
    program = stack.start(COMMAND, APPVIEW_URL="public.api.bsky.app")
    assert program.await_end() == 1
    assert program.says("APPVIEW_URL='public.api.bsky.app' is not allowed")
