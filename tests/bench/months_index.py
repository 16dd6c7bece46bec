"""Text indexes over the months' files, as compact_lake leaves them when the last post has just come: one of each day
that is over for long enough, one of each later hour.
"""

import os
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import date, datetime
from multiprocessing import get_context
from pathlib import Path

import structlog
from django.db import connections

from lake.catalog.listing import listed_posts
from lake.compact.index_plan import plan_indexes
from lake.compact.index_upkeep import VERSION_MARK, Indexer, remove_orphans
from lake.models import IndexFile
from lake.storage.duckdb_engine import Engine

MEMORY = "1GB"


def gentle() -> None:
    """Of a process that makes data: who else works on the machine comes first."""
    os.nice(10)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))  # no line for each index


def build_all(root: Path, now: datetime, processes: int) -> None:
    """Makes what is missing, in the catalog that this process uses."""
    remove_orphans(root)
    name, days = connections["default"].settings_dict["NAME"], _missing(now)
    if not days:
        return
    started, count = time.monotonic(), 0
    with ProcessPoolExecutor(processes, get_context("spawn"), gentle) as pool:
        for day, made in zip(days, pool.map(follow, [(root, name, now, day) for day in days]), strict=True):
            count += sum(file.rows for file in listed_posts() if file.hour.date() == day) if made else 0
            speed = count / (time.monotonic() - started)
            print(f"\rindexing {root}, {day}: {count:,} posts, {speed:,.0f} a second", end="", flush=True)
    print()


def _missing(now: datetime) -> list[date]:
    made = {tuple(row.files) for row in IndexFile.listed.all() if VERSION_MARK in row.path}
    return sorted({want.start.date() for want in plan_indexes(listed_posts(), now) if tuple(want.paths) not in made})


def follow(job: tuple[Path, Path, datetime, date]) -> int:
    root, name, now, day = job
    connections["default"].settings_dict["NAME"] = name
    engine = Engine(MEMORY, 1)
    try:
        return Indexer(root, engine).update(listed_posts(), now, day)
    finally:
        engine.close()
