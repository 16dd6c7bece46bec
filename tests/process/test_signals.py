"""A stop, as the operating system requests it."""

import os
import signal
import threading

import pytest

from process.signals import Stop


@pytest.fixture(autouse=True)
def _handlers():
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_and_runs_the_callbacks(number):
    stop, called = Stop().listen(), []
    stop.call(lambda: called.append(bool(stop)))
    assert not stop
    assert not stop.wait(0)
    os.kill(os.getpid(), number)
    assert stop
    assert called == [True]


def test_a_wait_ends_with_the_stop():
    stop = Stop()
    threading.Timer(0.05, stop.set).start()
    assert stop.wait(30)


def test_a_later_call_comes_after_the_stop_and_not_before():
    stop, called = Stop(), threading.Event()
    stop.call_later(0, called.set)
    assert not called.is_set()
    stop.set()
    assert called.wait(30)
