"""Which files exist: queries of the files that the catalog lists."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import PurePath
from typing import NamedTuple

from django.db import connection
from django.db.models import Q, QuerySet

from lake.models import BatchRun, DataFile
from lake.schema import DATASETS
from lake.storage import layout
from process.instants import utc

PATHS_AT_ONCE = 1000  # SQLite takes 32,766 values
RANGES_AT_ONCE = 100  # an expression of SQLite has at most 1000 levels, some of which two conditions of a range take
NEARBY = timedelta(minutes=10)  # hosts stamp one event at different times, never so far apart
# An event with a time_us too far ahead is in the hour of its ingest time. When a host replays it, 36 h later at most,
# its time_us may have become possible.
AHEAD = timedelta(hours=38)
# An event that is seen so late is no replay of a host: tombstones of that time may have been removed.
LATE = timedelta(days=2)
_NEWEST = f"SELECT max(max_seen) AS newest FROM {DataFile._meta.db_table} WHERE superseded_at IS NULL AND dataset = %s"  # noqa: S608 - our own table


class ListedFile(NamedTuple):
    """`path` is below LAKE_ROOT."""

    dataset: str
    hour: datetime
    path: str
    rows: int
    bytes: int
    at_ingest_time: int  # rows whose seen is their ingest time
    unpurged: int  # deleted rows that keep their text

    @property
    def compacted(self) -> bool:
        return layout.is_compacted_file(PurePath(self.path).name)


def files_of(dataset: str) -> "QuerySet[DataFile]":
    return DataFile.listed.filter(dataset=dataset)


def listed_files(fresh_hours_only: bool = False) -> list[ListedFile]:
    """All of them, or those of hours that have files which no compaction has seen."""
    files = DataFile.listed.all()
    if fresh_hours_only:
        fresh = Q(batch__isnull=False) | Q(dataset="labels", path__contains="/l-")
        files = files.filter(hour__in=files.filter(fresh).values("hour"))
    names = ("dataset", "hour", "path", "rows", "bytes", "rows_by_arrival", "unpurged")
    return [ListedFile(*row) for row in files.order_by().values_list(*names)]


def listed_posts() -> list[ListedFile]:
    return [file for file in listed_files() if file.dataset == "posts"]


def paths_near(ranges: Sequence[tuple[int, int]], at_ingest_time: bool) -> list[str]:
    """Paths of the files of all datasets that may hold events of these times already. `ranges`: first and last seen, in
    microseconds. `at_ingest_time`: some events have an impossible time, so that they may be at any ingest time."""
    conditions = [Q(rows_by_arrival__gt=0)] if at_ingest_time else []
    for start in range(0, len(ranges), RANGES_AT_ONCE):
        meets = Q(pk=None)
        for low, high in ranges[start : start + RANGES_AT_ONCE]:
            meets |= Q(max_seen__gte=utc(low) - NEARBY, min_seen__lte=utc(high) + NEARBY)
            meets |= Q(rows_by_arrival__gt=0, max_seen__gte=utc(low) - AHEAD, min_seen__lte=utc(high))
        conditions.append(meets)
    found = (DataFile.listed.filter(meets).values_list("path", flat=True) for meets in conditions)
    return list(dict.fromkeys(path for paths in found for path in paths))


def paths_from(dataset: str, seen_us: int) -> list[str]:
    """Paths of the files with rows seen at that time, less NEARBY, or later."""
    return paths_since(dataset, utc(seen_us) - NEARBY)


def paths_since(dataset: str, start: datetime | None) -> list[str]:
    """Paths of the files with rows seen at `start` or later; None: all paths."""
    files = files_of(dataset)
    return list((files if start is None else files.filter(max_seen__gte=start)).values_list("path", flat=True))


def label_files(first: datetime | None = None, last: datetime | None = None) -> dict[datetime, tuple[str, ...]]:
    """Paths of the label files of each hour from `first` to `last` that has some, sorted."""
    files = files_of("labels").order_by("hour", "path")
    files = files.filter(hour__gte=first) if first else files
    files = files.filter(hour__lte=last) if last else files
    found: dict[datetime, tuple[str, ...]] = {}
    for hour, path in files.values_list("hour", "path"):
        found[hour] = (*found.get(hour, ()), path)
    return found


def label_hours_near(hour: datetime, earlier: bool, count: int) -> list[tuple[str, ...]]:
    """Paths of the label files of so many hours from this one on, each hour's sorted."""
    files = files_of("labels").filter(**{"hour__lte" if earlier else "hour__gte": hour})
    hours = files.order_by("-hour" if earlier else "hour").values_list("hour", flat=True).distinct()[:count]
    return list(label_files(min(hours), max(hours)).values()) if hours else []


def newest_seen() -> datetime | None:
    """The latest `seen` of all datasets; None if there are no rows. From the end of each dataset's index: 0.1 ms."""
    of_each = " UNION ALL ".join([_NEWEST] * len(DATASETS))
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT max(newest) FROM ({of_each})", list(DATASETS))  # noqa: S608 - our own names
        (newest,) = cursor.fetchone()
    return None if newest is None else datetime.fromisoformat(newest).replace(tzinfo=UTC)


def hold_late_rows(paths: Sequence[str]) -> bool:
    """Whether one of these files has a row with `learned`."""
    parts = (paths[start : start + PATHS_AT_ONCE] for start in range(0, len(paths), PATHS_AT_ONCE))
    return any(DataFile.objects.filter(path__in=part, late_rows__gt=0).exists() for part in parts)


def latest_ingest() -> datetime | None:
    """When the last event of the latest batch entered the buffer; None: no batch says."""
    committed = BatchRun.objects.filter(state=BatchRun.State.COMMITTED).exclude(last_id="")
    return ingest_time(committed.order_by("-started_at").values_list("last_id", flat=True).first() or "")


def ingest_time(buffer_id: str) -> datetime | None:
    """When the entry with this id entered the buffer; None for what is no id."""
    ms = buffer_id.partition("-")[0]
    return utc(int(ms) * 1000 + 999) if ms.isdecimal() else None


def newest_paths(count: int) -> list[str]:
    """Paths of the files listed last."""
    return list(DataFile.listed.order_by("-pk").values_list("path", flat=True)[:count])


def known_paths() -> set[str]:
    """Of superseded files, too."""
    return set(DataFile.objects.values_list("path", flat=True))


def all_listed(paths: Sequence[str]) -> bool:
    """Whether each of these files is still listed. A path may be given twice."""
    distinct = list(set(paths))
    parts = (distinct[start : start + PATHS_AT_ONCE] for start in range(0, len(distinct), PATHS_AT_ONCE))
    return all(DataFile.listed.filter(path__in=part).count() == len(part) for part in parts)
