"""A Redis whose disk can't be written: it serves reads and refuses writes (MISCONF)."""

from contextlib import closing
from pathlib import Path

import redis

from tests.end_to_end.stack import until


def refuse_writes(server):
    """Where it would save its snapshot there is a folder. Returns what accept_writes() takes."""
    with closing(redis.Redis.from_url(server.url)) as client:
        snapshot = Path(server.folder) / "dump.rdb"
        snapshot.unlink(missing_ok=True)
        snapshot.mkdir()
        client.config_set("save", "3600 1")
        client.config_set("stop-writes-on-bgsave-error", "yes")
        client.bgsave()
        until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", "Redis can't save")
    return server


def accept_writes(server):
    with closing(redis.Redis.from_url(server.url)) as client:
        (Path(server.folder) / "dump.rdb").rmdir()
        client.bgsave()
        until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "ok", "Redis saves again")
