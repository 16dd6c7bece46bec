"""Which partitions are to be rewritten, and why: decided from the catalog's rows alone. Pure."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from lake.catalog.listing import ListedFile
from lake.schema import DATASETS
from lake.storage.layout import HOUR

PartitionKey = tuple[str, datetime]  # a dataset's name and an hour


class Reason(StrEnum):
    CLOSED = "closed"  # the hour is over: its first compaction
    LATE = "late"  # files came into an hour that was compacted before
    DELETED = "deleted"  # deletes and newer versions that its files don't show yet


class RewriteJob(NamedTuple):
    """These files of one partition become one."""

    dataset: str
    hour: datetime
    files: tuple[ListedFile, ...]
    why: Reason

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def arrived(self) -> int:
        return sum(file.arrived for file in self.files)


def plan(
    files: Iterable[ListedFile], closed: datetime, daily: bool, touched: Collection[PartitionKey], purge: bool
) -> list[RewriteJob]:
    """The newest hours first, each of them once. Hours that end after `closed` are still being written. Only the daily
    pass rewrites what is compacted: for late files, for what `touched` names, and, with `purge`, for deleted text that
    was kept while purging was off."""
    partitions: defaultdict[PartitionKey, list[ListedFile]] = defaultdict(list)
    for file in files:
        partitions[file.dataset, file.hour].append(file)
    order = list(DATASETS)
    jobs = [
        RewriteJob(dataset, hour, tuple(sorted(group, key=lambda file: file.path)), why)
        for (dataset, hour), group in partitions.items()
        if (why := _reason(group, hour + HOUR <= closed, daily, (dataset, hour) in touched, purge))
    ]
    return sorted(jobs, key=lambda job: (-job.hour.timestamp(), order.index(job.dataset)))


def _reason(files: Collection[ListedFile], closed: bool, daily: bool, touched: bool, purge: bool) -> Reason | None:
    if not any(file.compacted for file in files):
        return Reason.CLOSED if closed else None
    if not daily:
        return None
    if touched or (purge and any(file.unpurged for file in files)):
        return Reason.DELETED  # also of an hour that is open: a file that is compacted shows all deletes, or has none
    return Reason.LATE if closed and len(files) > 1 else None
