"""Decides which partitions to rewrite, and why, from the catalog's rows alone. Pure."""

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
    LATE = "late"  # files were added to an hour after its compaction
    DELETED = "deleted"  # deletes and newer versions that its files don't show yet
    ASKED = "asked"  # for in the admin


class RewriteJob(NamedTuple):
    """These files of one partition become one."""

    dataset: str
    hour: datetime
    files: tuple[ListedFile, ...]
    reason: Reason

    @property
    def rows(self) -> int:
        return sum(file.rows for file in self.files)

    @property
    def at_ingest_time(self) -> int:
        return sum(file.at_ingest_time for file in self.files)

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)


def plan(
    files: Iterable[ListedFile], closed: datetime, daily: bool, touched: Collection[PartitionKey], purge: bool
) -> list[RewriteJob]:
    """Jobs for the newest hours first, one for each partition. Hours that end after `closed` are still being written.
    Only the daily pass rewrites compacted files: for late files, for what `touched` names, and, with `purge`, for
    deleted text that was kept while purging was off."""
    partitions: defaultdict[PartitionKey, list[ListedFile]] = defaultdict(list)
    for file in files:
        partitions[file.dataset, file.hour].append(file)
    order = list(DATASETS)
    jobs = [
        RewriteJob(dataset, hour, tuple(sorted(group, key=lambda file: file.path)), reason)
        for (dataset, hour), group in partitions.items()
        if (reason := _reason(group, hour + HOUR <= closed, daily, (dataset, hour) in touched, purge))
    ]
    return sorted(jobs, key=lambda job: (-job.hour.timestamp(), order.index(job.dataset)))


def _reason(files: Collection[ListedFile], closed: bool, daily: bool, touched: bool, purge: bool) -> Reason | None:
    if not any(file.compacted for file in files):
        return Reason.CLOSED if closed else None
    if not daily:
        return None
    if touched or (purge and any(file.unpurged for file in files)):
        return Reason.DELETED  # of an open hour, too: compacted files must show all deletes
    return Reason.LATE if closed and len(files) > 1 else None
