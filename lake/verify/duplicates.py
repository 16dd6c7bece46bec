"""No event twice: by the key of its dataset, over all files in which the fold could have found the other one.

A partition is compared with itself and with what was seen some minutes after its hour; rows whose seen is their arrival
with all that may hold them again. Keys are compared by their hash, which bounds the memory whatever the names are, and
exactly only where hashes repeat.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path

from django.db.models import Max, Min, QuerySet, Sum

from lake.catalog import listing
from lake.catalog.listing import AHEAD, NEARBY
from lake.models import DataFile
from lake.schema import DATASETS, Dataset
from lake.storage.duckdb_engine import Engine
from lake.storage.layout import HOUR
from lake.verify.runner import Finding, Report, Stage, Task
from process.instants import microseconds

ROWS_AT_ONCE = 1_500_000  # hashes of a query: some 100 MB
MOST_REPORTED = 10_000  # repeats of a query that are looked at exactly
COMPACT = "the daily pass of compact_lake makes them one"
REPORT = "report it: the flusher should have folded them"

_REPEATED = """
    SELECT hash({key}) FROM read_parquet($files, hive_partitioning = false) AS s
    WHERE seen < make_timestamp($until) AND hash(did) % $parts = $part
    GROUP BY ALL HAVING count(*) > 1 AND min(seen) < make_timestamp($end) LIMIT {told}
"""
_BY_FILES = """
    SELECT files, count(*), any_value(did) FROM (
        SELECT list_sort(list(DISTINCT filename)) AS files, any_value(s.did) AS did
        FROM read_parquet($files, hive_partitioning = false, filename = true) AS s
        WHERE hash({key}) IN (SELECT unnest($hashes)) GROUP BY {key} HAVING count(*) > 1
    ) GROUP BY files ORDER BY files
"""
_ARRIVED = """
    SELECT DISTINCT hash({key}) FROM read_parquet($files, hive_partitioning = false) AS s
    WHERE contains(extra, '"$time_us"') LIMIT {told}
"""


class DuplicateChecks:
    def __init__(self, root: Path, engine: Engine, report: Report) -> None:
        self._root, self._engine, self._report = root, engine, report

    def stage(self) -> Stage:
        return Stage("partitions without repeats", self._tasks)

    def _tasks(self) -> list[Task]:
        partitions = listing.all_files().order_by("dataset", "hour").values_list("dataset", "hour").distinct()
        tasks = [
            Task(
                f"{dataset} of {hour:%Y-%m-%d %H}:00",
                _key(dataset, hour, *self._files(dataset, hour)),
                partial(self._partition, DATASETS[dataset], hour),
            )
            for dataset, hour in partitions
        ]
        by_arrival = listing.all_files().filter(rows_by_arrival__gt=0).values_list("dataset", flat=True).distinct()
        return tasks + [Task(name, "", partial(self._arrivals, DATASETS[name])) for name in by_arrival.order_by()]

    def _files(self, dataset: str, hour: datetime) -> tuple[list[str], int]:
        """The partition's files and those of the next hour that begin early in it; their rows."""
        listed = listing.files_of(dataset)
        near = listed.filter(hour=hour) | listed.filter(hour=hour + HOUR, min_seen__lt=hour + HOUR + NEARBY)
        return self._sound(near), near.aggregate(n=Sum("rows"))["n"] or 0

    def _partition(self, dataset: Dataset, hour: datetime) -> Iterator[Finding]:
        paths, rows = self._files(dataset.name, hour)
        if not paths:
            return  # gone meanwhile
        parts = rows // ROWS_AT_ONCE + 1
        sql = _REPEATED.format(key=_keys(dataset), told=MOST_REPORTED)
        end = hour + HOUR
        values = {"files": self._absolute(paths), "until": microseconds(end + NEARBY), "end": microseconds(end)}
        for part in range(parts):
            hashes = [row[0] for row in self._engine.rows(sql, {**values, "parts": parts, "part": part})]
            if hashes:
                yield from self._repeats(dataset, paths, hashes)

    def _arrivals(self, dataset: Dataset) -> Iterator[Finding]:
        """An event that came before its time may have come again when its time was there."""
        early = listing.files_of(dataset.name).filter(rows_by_arrival__gt=0)
        span = early.aggregate(low=Min("min_seen"), high=Max("max_seen"))
        if span["low"] is None:
            return
        later = listing.files_of(dataset.name).filter(max_seen__gte=span["low"], min_seen__lte=span["high"] + AHEAD)
        sql = _ARRIVED.format(key=_keys(dataset), told=MOST_REPORTED)
        arrived = self._absolute(self._sound(early))
        if not arrived:
            return
        if hashes := [row[0] for row in self._engine.rows(sql, {"files": arrived})]:
            yield from self._repeats(dataset, self._sound(early | later), hashes)

    def _repeats(self, dataset: Dataset, paths: list[str], hashes: list[int]) -> Iterator[Finding]:
        sql = _BY_FILES.format(key=_keys(dataset))
        for files, count, did in self._engine.rows(sql, {"files": self._absolute(paths), "hashes": hashes}):
            names = [str(Path(file).relative_to(self._root)) for file in files]
            number = f"{count}{' or more' if len(hashes) == MOST_REPORTED else ''} events"
            what = f"holds {number} twice" if len(names) == 1 else f"holds {number} that {names[1]} holds too"
            same_hour = len(names) > 1 and len({name.rpartition("/")[0] for name in names}) == 1
            yield Finding(names[0], f"{what}, such as one of {did}", COMPACT if same_hour else REPORT)

    def _sound(self, listed: "QuerySet[DataFile]") -> list[str]:
        paths = listed.order_by("path").values_list("path", flat=True)
        return [path for path in paths if path not in self._report.unsound]

    def _absolute(self, paths: Sequence[str]) -> list[str]:
        return [str(self._root / path) for path in paths]


def _keys(dataset: Dataset) -> str:
    return ", ".join(part.format(row="s") for part in dataset.key)


def _key(dataset: str, hour: datetime, paths: Sequence[str], rows: int) -> str:
    return f"events {dataset} {hour.isoformat()} {sha256(' '.join([*paths, str(rows)]).encode()).hexdigest()}"
