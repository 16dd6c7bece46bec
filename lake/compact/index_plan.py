"""Decides which text indexes there should be, from the catalog's rows alone. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import NamedTuple

from lake.catalog.listing import ListedFile
from lake.storage.layout import HOUR

DAY_OVER = timedelta(hours=6)  # after its end: late hours are compacted by then


class PlannedIndex(NamedTuple):
    """`files`: path and rows of each file that it covers, in the order of its doc ids."""

    start: datetime
    end: datetime
    files: tuple[tuple[str, int], ...]

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(path for path, _ in self.files)


def plan_indexes(posts: Iterable[ListedFile], now: datetime) -> list[PlannedIndex]:
    """One index for each day that is over and wholly compacted; for any other day one for each compacted file."""
    days: defaultdict[date, list[ListedFile]] = defaultdict(list)
    for file in sorted(posts, key=lambda file: (file.hour, file.path)):
        days[file.hour.date()].append(file)
    return [_planned(group) for files in days.values() for group in _groups(files, now)]


def _groups(files: list[ListedFile], now: datetime) -> list[list[ListedFile]]:
    midnight = files[0].hour.replace(hour=0)
    whole = midnight + 24 * HOUR + DAY_OVER <= now and all(file.compacted for file in files)
    return [files] if whole else [[file] for file in files if file.compacted]


def _planned(files: list[ListedFile]) -> PlannedIndex:
    return PlannedIndex(files[0].hour, files[-1].hour + HOUR, tuple((file.path, file.rows) for file in files))
