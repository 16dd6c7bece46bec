"""prove_live beside a running stack: two hosts send the same events; or one of them sends an event less."""

import json
import signal
import threading
import time

import pytest

from ingest.simulator.server.server import running
from process.instants import now_us
from tests.builders import post
from tests.end_to_end.stack import until

pytestmark = pytest.mark.slow

SECONDS = 4.0  # of a sample
PROOF = ("--hours", "0.0025", "--seconds", str(SECONDS), "--margin", "0.5", "--every", "1000", "--cids", "5")


class TwoHosts(threading.Thread):
    """Publishes the same posts to both, 50 a second, until it is told to stop."""

    def __init__(self, *hosts):
        super().__init__(daemon=True)
        self.hosts, self.over, self.left_out = hosts, threading.Event(), None

    def run(self):
        while not self.over.wait(0.02):
            now = now_us()
            frame = post("the same", time_us=now, rkey=f"k{now}")
            if self.left_out == "next":
                self.left_out = f"k{now}"
                self.hosts[1].publish(frame)
                continue
            for host in self.hosts:
                host.publish(frame)


@pytest.fixture
def hosts():
    with running([]) as used, running([]) as other:
        sending = TwoHosts(used, other)
        sending.start()
        yield sending
        sending.over.set()
        sending.join()


@pytest.fixture
def stack(make_stack, hosts):
    used, other = (host.url for host in hosts.hosts)
    stack = make_stack(f"{used},{other}", now_us())
    consumer, flusher = stack.consumer(JETSTREAM_URLS=used), stack.flusher()
    until(lambda: stack.lake.listed_rows() > 0, "the first rows", programs=[consumer, flusher])
    return stack


def report(stack):
    return json.loads((stack.database.parent / "catalog.sqlite3.proof" / "report.json").read_text())


def failed(stack):
    return [verdict["what"] for verdict in report(stack)["verdicts"] if not verdict["passed"]]


def test_a_good_service_passes_also_when_the_proof_is_killed_on_the_way(stack, hosts):
    first = stack.start("prove_live", *PROOF)
    first.await_words("lag: buffered")
    first.kill_at_work()
    proof = stack.start("prove_live", *PROOF)
    assert proof.await_end() == 0, proof.text
    assert proof.says("goes on with the proof")
    found = report(stack)
    assert found["by_dataset"]["posts"]["sent"] > 50
    assert failed(stack) == []


def test_an_event_that_the_service_never_got_is_named(stack, hosts):
    proof = stack.start("prove_live", *PROOF)
    proof.await_words("lag: buffered")
    time.sleep(SECONDS / 2)  # the moment of the fault: within the sample
    hosts.left_out = "next"
    assert proof.await_end() == 1, proof.text
    assert failed(stack) == ["no event is missing"]
    assert hosts.left_out in proof.text


def test_an_interrupt_gives_the_report_so_far(stack, hosts):
    proof = stack.start("prove_live", *PROOF)
    proof.await_words("lag: buffered")
    proof._process.send_signal(signal.SIGINT)
    assert proof.await_end() == 1, proof.text
    assert "watched to the end" in failed(stack)
