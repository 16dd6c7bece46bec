"""The consumer's series."""

import time

from prometheus_client import Counter, Gauge

from ingest.events import DropReason
from ingest.simulator.server.server import running
from ingest.stream import metrics
from tests.ingest.conftest import until
from tests.ingest.simulator.server.wire_client import FRAMES
from tests.ingest.stream.observed import await_depth, value


def test_every_series_is_there_from_the_start():
    series = [metric for metric in vars(metrics).values() if isinstance(metric, Counter | Gauge)]
    assert len(series) == 10
    assert all(metric.collect()[0].samples for metric in series)
    reasons = {sample.labels["reason"] for sample in metrics.DROPPED.collect()[0].samples}
    assert reasons == set(DropReason)


def test_the_lag_grows_while_nothing_comes(consuming, redis):
    with running(FRAMES) as server, consuming(server.url):
        await_depth(redis, len(FRAMES))
        until(lambda: value(metrics.LAG.labels("received")) > 0, "it is known")
        before = value(metrics.LAG.labels("received"))
        time.sleep(0.05)
        assert value(metrics.LAG.labels("received")) > before + 0.04
