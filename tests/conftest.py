"""What tests stand on: a real Redis of each worker's own, an empty lake, a catalog."""

from functools import cache, cached_property

import pytest
import redis as redis_client
from hypothesis import settings as hypothesis_settings

from api.access.concurrency import LIMITS, Limit
from api.access.throttling import windows
from deploy.local.redis_process import redis_process
from ingest.buffer.redis_stream import Buffer
from ingest.stream.frames import read_frames
from lake.catalog import listing
from lake.flush import flusher, statements
from lake.flush.flusher import Flusher
from lake.schema import DATASETS
from lake.storage.duckdb_engine import Engine
from process.instants import now_us

# An example has all the time it needs: other tests share the machine.
for name, examples in (("full", 500), ("fast", 40)):
    hypothesis_settings.register_profile(name, hypothesis_settings(), max_examples=examples, deadline=None)
hypothesis_settings.load_profile("fast")


@pytest.fixture(autouse=True)
def nobody_has_asked_before(monkeypatch):
    """All tests come from one address, and some ask more than it may in a minute, or leave an export half read."""
    windows.forget()
    for kind, limit in LIMITS.items():
        monkeypatch.setitem(LIMITS, kind, Limit(limit.at_once, limit.line, limit.patience))


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    """One redis-server for all tests of this worker that don't kill it."""
    with redis_process(tmp_path_factory.mktemp("redis"), maxmemory="256mb") as server:
        yield server


@pytest.fixture
def redis(redis_server):
    """A client of the emptied server, to look behind the buffer's back."""
    with redis_client.Redis.from_url(redis_server.url) as client:
        client.flushall()
        client.config_set("maxmemory", "256mb")
        client.config_set("maxmemory-policy", "noeviction")
        yield client


@pytest.fixture
def buffer(redis, redis_server, settings):
    """A connected buffer on an empty Redis."""
    settings.REDIS_URL = redis_server.url
    buffer = Buffer(redis_server.url).connect()
    yield buffer
    buffer.close()


@pytest.fixture
def lake_root(tmp_path, settings):
    settings.LAKE_ROOT = tmp_path / "lake"
    settings.LAKE_ROOT.mkdir()
    return settings.LAKE_ROOT


@cache
def engine():
    """To read with, in all tests of this worker: one costs as much as a small test."""
    return Engine("500MB", 1)


@cache
def flusher_engine(threads):
    """All flushers of this worker share one, as they have nothing else in common."""
    return statements.new_engine(threads)


class Lake:
    """The flusher's side of the pipeline, in this process: frames in, rows out."""

    def __init__(self, buffer, root):
        self.buffer, self.root, self.engine = buffer, root, engine()

    @cached_property
    def flusher(self):
        return Flusher(self.buffer, self.root, max_events=100_000)

    def append(self, *frames):
        """Puts frames into the buffer, as the consumer does."""
        batch = read_frames(frames, None, "test", now_us())
        self.buffer.append(batch.events, batch.drops, batch.cursor)

    def flush(self, *frames):
        """One flush of these frames (or of what waits already); the number of entries it took."""
        if frames:
            self.append(*frames)
        return self.flusher.flush()

    def rows(self, dataset):
        """All rows of a dataset in files that the catalog lists, as dicts."""
        paths = [str(self.root / path) for path in listing.files_of(dataset).values_list("path", flat=True)]
        if not paths:
            return []
        names = [column.name for column in DATASETS[dataset].columns]
        utc = ", ".join(f"{c.name}::{c.type} AS {c.name}" for c in DATASETS[dataset].columns)
        sql = f"SELECT {utc} FROM lake_rows($1) ORDER BY seen"
        return [dict(zip(names, row, strict=True)) for row in self.engine.rows(sql, [paths])]


@pytest.fixture
def lake(db, buffer, lake_root, monkeypatch):
    monkeypatch.setattr(flusher, "new_engine", flusher_engine)
    return Lake(buffer, lake_root)
