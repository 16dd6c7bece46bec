"""Every two seconds one line of what the run looks like: samples.ndjson, which the report is made of."""

import json
import sqlite3
import threading
import time
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import redis as redis_client

from deploy.local import live_line
from tests.load.running import processes
from tests.load.running.service import Service

EVERY_SECONDS = 2.0
PATIENCE_SECONDS = 1.0  # for Redis and the web process; what takes longer counts as no answer
NEWEST = 20  # entries of the buffer whose way is timed


class Sampler(threading.Thread):
    """`sessions`: the session of each process by name, asked anew for each sample."""

    def __init__(self, service: Service, path: Path, sessions: Callable[[], dict[str, int]]) -> None:
        super().__init__(name="sampler", daemon=True)
        self._service, self._path, self._sessions = service, path, sessions
        self._over, self._cpu = threading.Event(), processes.CpuCounter()
        self._newest_us = 0
        self._redis = redis_client.Redis.from_url(
            service.redis.url, socket_timeout=PATIENCE_SECONDS, socket_connect_timeout=PATIENCE_SECONDS
        )

    def run(self) -> None:
        due = time.time()
        with self._path.open("w") as file:
            while not self._over.wait(max(0.0, due - time.time())):
                file.write(json.dumps(self.sample()) + "\n")
                file.flush()
                due = max(due + EVERY_SECONDS, time.time())

    def stop(self) -> None:
        self._over.set()
        self.join()

    def sample(self) -> dict[str, Any]:
        service = self._service
        at, late = time.time(), late_seconds(service.dump)
        buffer, catalog = self._buffer(late), newest_and_batches(service.database)
        self._newest_us = max(self._newest_us, buffer.pop("newest_us", 0), catalog["searchable_us"])
        return {
            "at": at,
            "processes": processes.reading(self._sessions(), self._cpu),
            "machine": processes.machine(),
            "disk": processes.disk(service.folder),
            "lake": processes.folder_size(service.lake),
            "redis": buffer,
            "firehose_late": late,
            "lag": {
                "received": _since(self._newest_us, at - late),
                "searchable": _since(catalog["searchable_us"], at - late),
            },
            "batches": catalog["batches"],
            "consumer": self._consumer(),
            "web_ms": self._web_ms(),
        }

    def _buffer(self, late: float) -> dict[str, Any]:
        """Empty while Redis does not answer."""
        with suppress(redis_client.RedisError):
            began = time.monotonic()
            self._redis.ping()
            ping_ms = (time.monotonic() - began) * 1000
            memory = self._redis.info("memory")
            entries = self._redis.xrevrange("buffer", count=NEWEST)
            return {
                "ping_ms": ping_ms,
                "memory": memory["used_memory"],
                "maxmemory": memory["maxmemory"],
                "depth": self._redis.xlen("buffer"),
                **_way(entries or [], late),
            }
        return {}

    def _consumer(self) -> dict[str, float | None]:
        metrics = live_line.fetch(int(self._service.variables["METRICS_PORT_CONSUMER"]))
        return {
            "received": live_line.total(metrics, "ingest_frames_received_total"),
            "dropped": live_line.total(metrics, "ingest_frames_dropped_total"),
            "reconnects": live_line.total(metrics, "ingest_reconnects_total"),
            "pauses": live_line.total(metrics, "ingest_pauses_total"),
        }

    def _web_ms(self) -> float | None:
        """How long the web process takes to say that it lives; None: it does not answer."""
        began = time.monotonic()
        with suppress(OSError), urllib.request.urlopen(f"{self._service.url}/health/live", timeout=5) as answer:
            answer.read()
            return (time.monotonic() - began) * 1000
        return None


def _way(entries: Iterable[Any], late: float) -> dict[str, float]:
    """Of the newest entries: the latest `seen`, and the longest time from an event's `seen` to its arrival in Redis."""
    frames = [(int(id_.partition(b"-")[0]), next(iter(fields.values()))) for id_, fields in entries]
    pairs = [(arrival, json.loads(frame)["time_us"]) for arrival, frame in frames]
    if not pairs:
        return {}
    return {
        "newest_us": max(seen for _, seen in pairs),
        "way_ms": max(0.0, max(arrival - seen / 1000 for arrival, seen in pairs) - late * 1000),
    }


def late_seconds(dump: Path) -> float:
    """How late the firehose made its newest event: that much of a lag is not the service's."""
    path = dump.with_suffix(".late")
    return float(path.read_text()) if path.exists() else 0.0


def newest_and_batches(database: Path) -> dict[str, int]:
    """The newest `seen` in a listed file, in microseconds since 1970, and the number of committed batches; 0: none."""
    sql = "SELECT max(last_seen), count(*) FROM lake_batchrun WHERE state = 'committed'"
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=1)) as catalog:
        newest, batches = catalog.execute(sql).fetchone()
        return {"searchable_us": _us(newest), "batches": batches}
    return {"searchable_us": 0, "batches": 0}


def _us(text: str | None) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1e6) if text else 0


def _since(moment_us: int, at: float) -> float | None:
    return max(0.0, at - moment_us / 1e6) if moment_us else None
