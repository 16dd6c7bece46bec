"""No event twice, by the key of its dataset, within the times at which the flusher deduplicates.

A partition is compared with itself and with what was seen some minutes after its hour; rows with an ingest time for
`seen` are compared with all rows that may repeat them. The first query compares hashes of keys, which bounds the memory
however long the keys are; only repeated hashes are compared exactly.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import partial

from lake.catalog import listing
from lake.catalog.listing import AHEAD, NEARBY
from lake.compact import rewrite_sql
from lake.models import DataFile
from lake.schema import DATASETS, Dataset
from lake.storage.layout import HOUR
from lake.verify.checked_lake import CheckedLake, digest
from lake.verify.findings import Finding
from lake.verify.runner import Task
from process.instants import microseconds

ROWS_AT_ONCE = 750_000  # hashes of one query: about 50 MB
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
                f"events {dataset} {hour.isoformat()} {digest(self._files(dataset, hour))}",
                partial(self._partition, DATASETS[dataset], hour),
            )
            for dataset, hour in partitions
        ]
        by_ingest_time = DataFile.listed.filter(rows_by_arrival__gt=0).values_list("dataset", flat=True).distinct()
        return tasks + [
            Task(dataset, "", partial(self._by_ingest_time, DATASETS[dataset])) for dataset in by_ingest_time.order_by()
        ]

    def _files(self, dataset: str, hour: datetime) -> list[DataFile]:
        """The partition's files and those of the next hour that start within NEARBY."""
        listed = listing.files_of(dataset)
        near = listed.filter(hour=hour) | listed.filter(hour=hour + HOUR, min_seen__lt=hour + HOUR + NEARBY)
        return self._lake.intact(near.order_by("path"))

    def _partition(self, dataset: Dataset, hour: datetime) -> Iterator[Finding]:
        files = self._files(dataset.name, hour)
        if not files:
            return  # compacted meanwhile
        parts = sum(file.rows for file in files) // ROWS_AT_ONCE + 1
        end = hour + HOUR
        values = {
            "files": self._lake.absolute(files),
            "until": microseconds(end + NEARBY),
            "end": microseconds(end),
            "parts": parts,
        }
        sql = _REPEATED_HASHES.format(key=rewrite_sql.key(dataset), limit=MOST_HASHES)
        for part in range(parts):
            hashes = [row[0] for row in self._lake.engine.rows(sql, {**values, "part": part})]
            if hashes:
                yield from self._repeats(dataset, files, hashes)

    def _by_ingest_time(self, dataset: Dataset) -> Iterator[Finding]:
        """An event whose time was too far ahead has its ingest time; a replay at its own time may repeat it."""
        listed = listing.files_of(dataset.name).order_by("path")
        early = self._lake.intact(listed.filter(rows_by_arrival__gt=0))
        if not early:
            return
        sql = _INGEST_TIME_HASHES.format(key=rewrite_sql.key(dataset), limit=MOST_HASHES)
        if hashes := [row[0] for row in self._lake.engine.rows(sql, {"files": self._lake.absolute(early)})]:
            low, high = min(file.min_seen for file in early), max(file.max_seen for file in early)
            later = listed.filter(max_seen__gte=low, min_seen__lte=high + AHEAD)
            yield from self._repeats(dataset, self._lake.intact(later), hashes)

    def _repeats(self, dataset: Dataset, files: list[DataFile], hashes: list[int]) -> Iterator[Finding]:
        sql, values = _REPEATED_KEYS.format(key=rewrite_sql.key(dataset)), {"files": self._lake.absolute(files)}
        for paths, count, did in self._lake.engine.rows(sql, {**values, "hashes": hashes}):
            names = [self._lake.relative(path) for path in paths]
            number = f"{count}{' or more' if len(hashes) == MOST_HASHES else ''} events"
            problem = f"holds {number} twice" if len(names) == 1 else f"holds {number} that {names[1]} holds too"
            same_hour = len(names) > 1 and len({name.rpartition("/")[0] for name in names}) == 1
            yield Finding(names[0], f"{problem}, such as one of {did}", COMPACT if same_hour else REPORT)
