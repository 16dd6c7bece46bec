"""The web process's one Reader: one DuckDB database, fenced in to the lake."""

import os
import threading
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from lake.search.reader import Reader
from lake.storage.duckdb_engine import Engine

_making = threading.Lock()


def reader() -> Reader:
    """The same one for all threads of this process. A child of a fork makes its own: DuckDB's threads stay behind."""
    with _making:
        return _reader(os.getpid(), settings.QUERY_MEMORY_LIMIT, settings.QUERY_THREADS, settings.LAKE_ROOT.absolute())


@lru_cache(maxsize=1)
def _reader(_process: int, memory: str, threads: int, root: Path) -> Reader:
    return Reader(Engine(memory, threads, fence=root), root)
