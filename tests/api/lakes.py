"""A lake as a folder, with its catalog as a file, which the real web server serves."""

import sqlite3
from contextlib import closing

import redis
from constance import config
from django.core.management import call_command
from django.db import connection

from ingest.buffer.redis_stream import Buffer
from ingest.handles.store import Claim, Store
from lake.flush.flusher import Flusher
from tests.conftest import Lake


def build(folder, redis_url, frames, names, also=lambda: None):
    """Flushes the frames and leaves the catalog in the folder; the test database is empty again afterwards. `names`:
    handles by DID. `also`: what else is done to the lake. Redis is emptied first: another test may have left events."""
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    (folder / "lake").mkdir()
    buffer = Buffer(redis_url).connect()
    with closing(buffer):
        assert connection.is_in_memory_db(), "mark the module with pytest.mark.django_db"
        lake = Lake(buffer, folder / "lake")
        lake.flusher = Flusher(buffer, folder / "lake", max_events=100_000)
        lake.flush(*frames)
        also()
        config.anonymous_rate = 0
        with closing(sqlite3.connect(folder / "catalog.sqlite3")) as file:
            connection.ensure_connection()
            connection.connection.backup(file)
        call_command("flush", interactive=False, verbosity=0)
    store = Store(folder / "catalog.handles.sqlite3", 1).create()
    with store.transaction():
        store.claim([Claim(did, name, 1) for did, name in names.items()])
    return folder
