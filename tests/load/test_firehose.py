"""The firehose of the load says how late it is."""

import asyncio
from argparse import Namespace
from types import SimpleNamespace

from tests.load.running.firehose import Firehose


def test_a_spike_that_is_over_makes_nobody_late():
    plan = {"seed": 1, "rate": 1000.0, "events": 10, "spike_events": 5, "spike_at": 0, "spike_seconds": 0.01}
    firehose = Firehose(Namespace(**plan))
    assert len(list(firehose.source())) == 10
    sent = []
    asyncio.run(firehose.spike(SimpleNamespace(producer=SimpleNamespace(publish=sent.extend))))
    assert len(sent) == 5
    assert firehose.late_seconds == 0
