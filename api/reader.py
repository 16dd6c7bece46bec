"""The web process's one Reader: one DuckDB database, fenced in to the lake."""

from functools import cache

from django.conf import settings

from lake.engine import Engine
from lake.search import Reader


@cache
def reader() -> Reader:
    engine = Engine(settings.QUERY_MEMORY_LIMIT, settings.QUERY_THREADS, fence=settings.LAKE_ROOT)
    return Reader(engine, settings.LAKE_ROOT)
