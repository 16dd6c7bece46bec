"""Decides which text indexes there should be, from the catalog's rows alone. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from itertools import chain, groupby
from typing import NamedTuple

from lake.catalog.listing import ListedFile
from lake.storage.layout import HOUR

DAY_OVER = timedelta(hours=6)  # after its end: late hours are compacted by then
PART_ROWS = 50_000  # of flushed files that get an index together: built in 2 s. A scan of less takes 25 ms


class PlannedIndex(NamedTuple):
    """`files`: path and rows of each file that it covers, in the order of its doc ids."""

    start: datetime
    end: datetime
    files: tuple[tuple[str, int], ...]

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(path for path, _ in self.files)


def plan_indexes(posts: Iterable[ListedFile], now: datetime) -> list[PlannedIndex]:
    """One index for each day that is over and wholly compacted. For any other day one for each compacted file, and one
    for each PART_ROWS of an hour's flushed files."""
    days: defaultdict[date, list[ListedFile]] = defaultdict(list)
    for file in sorted(posts, key=lambda file: (file.hour, file.path)):
        days[file.hour.date()].append(file)
    groups = [group for files in days.values() for group in _groups(files, now)]
    return [*map(_planned, groups), *plan_flushed(chain.from_iterable(days.values()))]


def plan_flushed(posts: Iterable[ListedFile]) -> list[PlannedIndex]:
    """Those of flushed files alone."""
    flushed = sorted((file for file in posts if not file.compacted), key=lambda file: (file.hour, file.path))
    hours = groupby(flushed, key=lambda file: file.hour)
    return [_planned(part) for _, files in hours for part in _parts(files)]


def _groups(files: list[ListedFile], now: datetime) -> list[list[ListedFile]]:
    midnight = files[0].hour.replace(hour=0)
    whole = midnight + 24 * HOUR + DAY_OVER <= now and all(file.compacted for file in files)
    return [files] if whole else [[file] for file in files if file.compacted]


def _parts(flushed: Iterable[ListedFile]) -> Iterator[list[ListedFile]]:
    """Without those at the end that are too few. Files come at the end, so that parts stay as they are."""
    part: list[ListedFile] = []
    for file in flushed:
        part.append(file)
        if sum(each.rows for each in part) >= PART_ROWS:
            yield part
            part = []


def _planned(files: list[ListedFile]) -> PlannedIndex:
    return PlannedIndex(files[0].hour, files[-1].hour + HOUR, tuple((file.path, file.rows) for file in files))
