"""Looks at a running service every ten seconds, and now and then at another host for some seconds."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from django.db.utils import DatabaseError

from ingest.buffer.redis_stream import Buffer, BufferUnavailable, BufferUnsafe
from ingest.models import Connection
from ingest.stream.sample import Sample, other_url, take
from lake.catalog import listing
from lake.errors import LakeError
from lake.proof import comparison
from lake.proof.journal import LAG, SAMPLE, Journal
from lake.storage.duckdb_engine import Engine
from process.instants import microseconds, utc
from process.signals import Stop

LAG_SECONDS = 10.0
TICK_SECONDS = 0.5
REDIS_SECONDS = 5.0
WAIT_SECONDS = 900.0  # for the lake to have what a sample has; then it is missing


class Plan(NamedTuple):
    """`urls`: of hosts, of which one that the consumer does not use is asked. `every`, `seconds`: between two samples,
    and of each. `margin`: seconds at both ends of a sample of which nothing is asked."""

    urls: Sequence[str]
    collections: Sequence[str]
    hours: float
    every: float
    seconds: float
    margin: float


class Watch:
    def __init__(self, plan: Plan, journal: Journal, redis_url: str, root: Path, engine: Engine) -> None:
        self._plan, self._journal, self._root, self._engine = plan, journal, root, engine
        self._redis_url = redis_url
        self._sample: Sample | None = None
        self._margin_us = int(plan.margin * 1e6)
        self._sampled_since = self._sampled_at = 0.0  # when the latest sample was begun, and when it came
        self._thread: threading.Thread | None = None
        looked = [entry["at"] for entry in journal.of(LAG)]
        taken = [entry["at"] for entry in journal.of(SAMPLE)]
        self._looked_at = max(looked, default=0.0)
        self._sample_due = max(taken) + plan.every if taken else 0.0

    def run(self, stop: Stop, say: Callable[[str], None]) -> None:
        """Until its time is over and the last sample is compared, or until a stop. `say` gets a line of each look."""
        end = self._journal.started + self._plan.hours * 3600
        while not stop and (time.time() < end or self._busy):
            now = time.time()
            if now >= self._looked_at + LAG_SECONDS:
                self._look(now)
                say(self._progress(now))
            if now >= self._sample_due and not self._busy and now < end:
                self._begin_sample(now)
            if self._sample is not None and self._comparable(self._sample, now):
                self._compare(self._sample, now)
            stop.wait(TICK_SECONDS)

    @property
    def _busy(self) -> bool:
        return self._sample is not None or (self._thread is not None and self._thread.is_alive())

    def _look(self, now: float) -> None:
        self._looked_at = now
        newest = _newest_seen()
        searchable = None if newest is None else now - newest.timestamp()
        self._journal.add(LAG, at=now, buffered=self._buffered(now), searchable=searchable)

    def _buffered(self, now: float) -> float | None:
        buffer = Buffer(self._redis_url, REDIS_SECONDS)
        try:
            cursor = buffer.connect().cursor()
        except (BufferUnavailable, BufferUnsafe):
            return None
        finally:
            buffer.close()
        return now - cursor.time_us / 1e6 if cursor else None

    def _progress(self, now: float) -> str:
        last, samples = self._journal.of(LAG)[-1], self._journal.of(SAMPLE)
        lags = ", ".join(
            f"{stage} {'unknown' if last[stage] is None else f'{last[stage]:.0f} s'}"
            for stage in ("buffered", "searchable")
        )
        missing = sum(sample.get("missing", 0) for sample in samples)
        hours = (now - self._journal.started) / 3600
        return f"{hours:.2f} of {self._plan.hours:g} h; lag: {lags}; {len(samples)} samples, {missing:,} missing"

    def _begin_sample(self, now: float) -> None:
        self._sample_due, self._sampled_since = now + self._plan.every, now
        used = _host_in_use()
        if (url := other_url(self._plan.urls, used)) is None:
            self._journal.add(SAMPLE, at=now, fault=f"no other host than {used}: give another one with --host")
            return
        self._thread = threading.Thread(target=self._take, args=(url,), daemon=True)
        self._thread.start()

    def _take(self, url: str) -> None:
        sample = asyncio.run(take(url, self._plan.collections, self._plan.seconds))
        self._sampled_at = time.time()  # first: the other thread waits for the sample
        self._sample = sample

    def _comparable(self, sample: Sample, now: float) -> bool:
        if not sample.events or sample.fault or now > self._sampled_at + WAIT_SECONDS:
            return True
        newest = _newest_seen()
        end_us = comparison.window(sample.events).end_us + comparison.NEARBY_MARGINS * self._margin_us
        return newest is not None and microseconds(newest) > end_us

    def _compare(self, sample: Sample, now: float) -> None:
        self._sample = None
        found: dict[str, Any] = {"fault": sample.fault or "the host sent nothing"}
        if sample.events and not sample.fault:
            try:
                found = self._compared(sample)
            except (LakeError, DatabaseError) as error:
                found = {"fault": f"the lake can't be read: {error}"}
        self._journal.add(SAMPLE, at=now, host=sample.host, **found)

    def _compared(self, sample: Sample) -> dict[str, Any]:
        if _has_used(sample.host, self._sampled_since):
            return {"fault": f"the consumer came to {sample.host} meanwhile, which is no other host then"}
        events = sample.events
        of = comparison.window(events)
        ours = comparison.stored(self._engine, self._root, of, self._margin_us)
        found = comparison.compare(comparison.sent(events), ours, of, self._margin_us)
        return found | {"wrong_hashes": len(list(comparison.wrong_hashes(events)))}


def _host_in_use() -> str:
    """Of the consumer. Empty if it is not known."""
    with suppress(DatabaseError):
        return Connection.objects.order_by("-opened_at").values_list("host", flat=True).first() or ""
    return ""


def _has_used(host: str, since: float) -> bool:
    """Whether the consumer has been connected to it since then, or is still."""
    opened = Connection.objects.filter(host=host)
    return _host_in_use() == host or opened.filter(opened_at__gte=utc(int(since * 1e6))).exists()


def _newest_seen() -> datetime | None:
    """None if the catalog can't be read, too: it may be for a moment."""
    try:
        return listing.newest_seen()
    except DatabaseError:
        return None
