"""Which files exist, as the catalog lists them."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import NamedTuple

from django.db.models import Max, Q, QuerySet

from lake.models import DataFile
from lake.storage import layout
from process.instants import utc

PATHS_AT_ONCE = 1000  # SQLite takes 32,766 values
NEARBY = timedelta(minutes=10)  # hosts stamp one event at different times, never so far apart
# An event too far ahead to be believed is there by its arrival; when a host replays it, 36 h later at most, it may be
# believed.
AHEAD = timedelta(hours=38)
# What was seen so long ago when it comes is no replay of a host: tombstones of that time may have gone.
LATE = timedelta(days=2)


class ListedFile(NamedTuple):
    """A file as the catalog lists it."""

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
    """The dataset's files that exist."""
    return DataFile.listed.filter(dataset=dataset)


def all_files() -> "QuerySet[DataFile]":
    """The files that exist."""
    return DataFile.listed.all()


def paths_near(dataset: str, ranges: Sequence[tuple[int, int]], arrivals: bool) -> list[str]:
    """Paths of the files in which an event of these times may already be. `ranges`: first and last seen, microseconds.
    `arrivals`: whether there are also rows whose seen is their arrival, which may have come at any time before."""
    meets = Q(rows_by_arrival__gt=0) if arrivals else Q(pk=None)
    for low, high in ranges:
        meets |= Q(max_seen__gte=utc(low) - NEARBY, min_seen__lte=utc(high) + NEARBY)
        meets |= Q(rows_by_arrival__gt=0, max_seen__gte=utc(low) - AHEAD, min_seen__lte=utc(high))
    return list(files_of(dataset).filter(meets).values_list("path", flat=True))


def paths_from(dataset: str, seen_us: int) -> list[str]:
    """Paths of the files that hold anything from this time on, some minutes before included."""
    return list(files_of(dataset).filter(max_seen__gte=utc(seen_us) - NEARBY).values_list("path", flat=True))


def paths_since(dataset: str, start: datetime | None) -> list[str]:
    """Paths of the files that hold anything seen at that time or later; all of them without one."""
    files = files_of(dataset)
    return list((files if start is None else files.filter(max_seen__gte=start)).values_list("path", flat=True))


def newest_seen(dataset: str) -> datetime | None:
    """The latest time of which the dataset holds a row."""
    newest: datetime | None = files_of(dataset).aggregate(Max("max_seen"))["max_seen__max"]
    return newest


def known_paths() -> set[str]:
    """The superseded ones too."""
    return set(DataFile.objects.values_list("path", flat=True))


def newest_paths(count: int) -> list[str]:
    """Paths of the files listed last."""
    return list(DataFile.listed.order_by("-pk").values_list("path", flat=True)[:count])


def all_listed(paths: Sequence[str]) -> bool:
    """Whether each of these files is still one of the lake."""
    parts = (paths[start : start + PATHS_AT_ONCE] for start in range(0, len(paths), PATHS_AT_ONCE))
    return all(DataFile.listed.filter(path__in=part).count() == len(part) for part in parts)


def listed_files(fresh_hours_only: bool = False) -> list[ListedFile]:
    """All files of the lake, or those of hours in which there are files that no compaction has seen yet."""
    files = DataFile.listed.all()
    if fresh_hours_only:
        files = files.filter(hour__in=files.filter(batch__isnull=False).values("hour"))
    names = ("dataset", "hour", "path", "rows", "bytes", "rows_by_arrival", "unpurged")
    return [ListedFile(*row) for row in files.order_by().values_list(*names)]


def listed_posts() -> list[ListedFile]:
    return [file for file in listed_files() if file.dataset == "posts"]
