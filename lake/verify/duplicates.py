"""No event twice, by the key of its dataset, within the times at which the flusher deduplicates.

A partition is compared with itself and with what was seen some minutes after its hour; rows with an ingest time for
`seen` are compared with all rows that may repeat them. The first query compares hashes of keys, which bounds the memory
however long the keys are; only repeated hashes are compared exactly.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import partial
from hashlib import sha256

from django.db.models import Max, Min, QuerySet, Sum

from lake.catalog import listing
from lake.catalog.listing import AHEAD, NEARBY
from lake.models import DataFile
from lake.schema import DATASETS, Dataset
from lake.storage.layout import HOUR
from lake.verify.checked_lake import CheckedLake
from lake.verify.findings import Finding
from lake.verify.runner import Task
from process.instants import microseconds

ROWS_AT_ONCE = 1_500_000  # hashes of one query: about 100 MB
MOST_HASHES = 10_000  # repeated hashes of one query that are compared exactly
COMPACT = "the daily pass of compact_lake deduplicates them"
REPORT = "report it: the flusher should have deduplicated them"

_REPEATED_HASHES = """
    SELECT hash({key}) FROM lake_rows($files) AS s
    WHERE seen < make_timestamp($until) AND hash(did) % $parts = $part
    GROUP BY ALL HAVING count(*) > 1 AND min(seen) < make_timestamp($end)
    LIMIT {limit}
"""
_REPEATED_KEYS = """
    SELECT files, count(*), any_value(did) FROM (
        SELECT list_sort(list(DISTINCT filename)) AS files, any_value(s.did) AS did
        FROM named_lake_rows($files) AS s
        WHERE hash({key}) IN (SELECT unnest($hashes))
        GROUP BY {key} HAVING count(*) > 1
    ) GROUP BY files ORDER BY files
"""
_INGEST_TIME_HASHES = """
    SELECT DISTINCT hash({key}) FROM lake_rows($files) AS s
    WHERE contains(extra, '"$time_us"')
    LIMIT {limit}
"""


class DuplicateChecks:
    title = "partitions without duplicates"

    def __init__(self, lake: CheckedLake) -> None:
        self._lake = lake

    def tasks(self) -> list[Task]:
        partitions = DataFile.listed.order_by("dataset", "hour").values_list("dataset", "hour").distinct()
        tasks = [
            Task(
                f"{dataset} of {hour:%Y-%m-%d %H}:00",
                _task_key(dataset, hour, *self._files(dataset, hour)),
                partial(self._partition, DATASETS[dataset], hour),
            )
            for dataset, hour in partitions
        ]
        by_ingest_time = DataFile.listed.filter(rows_by_arrival__gt=0).values_list("dataset", flat=True).distinct()
        return tasks + [
            Task(dataset, "", partial(self._by_ingest_time, DATASETS[dataset])) for dataset in by_ingest_time.order_by()
        ]

    def _files(self, dataset: str, hour: datetime) -> tuple[list[str], int]:
        """Paths of the partition's files and of those of the next hour that start within NEARBY; their rows."""
        listed = listing.files_of(dataset)
        near = listed.filter(hour=hour) | listed.filter(hour=hour + HOUR, min_seen__lt=hour + HOUR + NEARBY)
        return self._intact(near), near.aggregate(n=Sum("rows"))["n"] or 0

    def _partition(self, dataset: Dataset, hour: datetime) -> Iterator[Finding]:
        paths, rows = self._files(dataset.name, hour)
        if not paths:
            return  # compacted meanwhile
        parts = rows // ROWS_AT_ONCE + 1
        end = hour + HOUR
        values = {
            "files": self._lake.absolute(paths),
            "until": microseconds(end + NEARBY),
            "end": microseconds(end),
            "parts": parts,
        }
        sql = _REPEATED_HASHES.format(key=_key(dataset), limit=MOST_HASHES)
        for part in range(parts):
            hashes = [row[0] for row in self._lake.engine.rows(sql, {**values, "part": part})]
            if hashes:
                yield from self._repeats(dataset, paths, hashes)

    def _by_ingest_time(self, dataset: Dataset) -> Iterator[Finding]:
        """An event whose time was too far ahead has its ingest time; a replay at its own time may repeat it."""
        early = listing.files_of(dataset.name).filter(rows_by_arrival__gt=0)
        span = early.aggregate(low=Min("min_seen"), high=Max("max_seen"))
        paths = self._intact(early)
        if span["low"] is None or not paths:
            return
        sql = _INGEST_TIME_HASHES.format(key=_key(dataset), limit=MOST_HASHES)
        if hashes := [row[0] for row in self._lake.engine.rows(sql, {"files": self._lake.absolute(paths)})]:
            later = listing.files_of(dataset.name).filter(max_seen__gte=span["low"], min_seen__lte=span["high"] + AHEAD)
            yield from self._repeats(dataset, self._intact(early | later), hashes)

    def _repeats(self, dataset: Dataset, paths: list[str], hashes: list[int]) -> Iterator[Finding]:
        sql = _REPEATED_KEYS.format(key=_key(dataset))
        for files, count, did in self._lake.engine.rows(sql, {"files": self._lake.absolute(paths), "hashes": hashes}):
            names = [self._lake.relative(file) for file in files]
            number = f"{count}{' or more' if len(hashes) == MOST_HASHES else ''} events"
            problem = f"holds {number} twice" if len(names) == 1 else f"holds {number} that {names[1]} holds too"
            same_hour = len(names) > 1 and len({name.rpartition("/")[0] for name in names}) == 1
            yield Finding(names[0], f"{problem}, such as one of {did}", COMPACT if same_hour else REPORT)

    def _intact(self, listed: "QuerySet[DataFile]") -> list[str]:
        return [file.path for file in self._lake.intact(listed.order_by("path"))]


def _key(dataset: Dataset) -> str:
    """SQL of the columns that identify an event, of the relation s."""
    return ", ".join(part.format(row="s") for part in dataset.key)


def _task_key(dataset: str, hour: datetime, paths: Sequence[str], rows: int) -> str:
    return f"events {dataset} {hour.isoformat()} {sha256(' '.join([*paths, str(rows)]).encode()).hexdigest()}"
