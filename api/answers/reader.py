"""The Reader of the web process, with one DuckDB database that can only read the lake."""

import os
import threading
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from api.access.concurrency import slot
from lake.search.reader import Reader
from lake.storage.duckdb_engine import Engine

_making = threading.Lock()


def reader() -> Reader:
    """One for all threads of this process. A forked child makes its own: threads of DuckDB do not survive a fork."""
    with _making:
        return _reader(os.getpid(), settings.QUERY_MEMORY_LIMIT, settings.QUERY_THREADS, settings.LAKE_ROOT.absolute())


@lru_cache(maxsize=1)
def _reader(_process: int, memory: str, threads: int, root: Path) -> Reader:
    return Reader(Engine(memory, threads, fence=root), root, lambda: slot("search"))
