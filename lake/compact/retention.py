"""Whole hours that a dataset need not keep any longer leave the lake. Off until an administrator sets days."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from django.db.models import Max, Min, Sum

from lake.catalog.listing import ListedFile
from lake.models import DataFile, Retention
from lake.schema import DATASETS
from lake.storage.layout import HOUR

log = structlog.get_logger("retention")

WEEK = timedelta(days=7)


def expired(files: Iterable[ListedFile], days: Mapping[str, int], now: datetime) -> list[ListedFile]:
    """The files of hours that ended so many days ago or more. Pure."""
    before = {dataset: now - timedelta(days=number) for dataset, number in days.items()}
    return [file for file in files if file.dataset in before and file.hour + HOUR <= before[file.dataset]]


def rules() -> dict[str, int]:
    """Days by dataset, where there are any."""
    rows = Retention.objects.filter(dataset__in=DATASETS, days__gt=0)
    return {rule.dataset: rule.days for rule in rows if rule.days}


def announced() -> dict[str, int]:
    """Those of the rules that the log has spoken of before; it speaks of the others now, and the next pass acts."""
    known = dict(Retention.objects.exclude(announced=None).values_list("dataset", "announced"))
    return {dataset: days for dataset, days in rules().items() if known.get(dataset) == days}


def announce(files: Sequence[ListedFile], now: datetime) -> None:
    for dataset, days in rules().items() - announced().items():
        gone = expired(files, {dataset: days}, now)
        log.warning(
            "retention is new: the next pass will remove",
            dataset=dataset,
            days=days,
            files=len(gone),
            rows=sum(file.rows for file in gone),
            bytes=sum(file.bytes for file in gone),
            from_hour=min((file.hour for file in gone), default=None),
        )
        Retention.objects.filter(dataset=dataset, days=days).update(announced=days)
    Retention.objects.filter(days=None).exclude(announced=None).update(announced=None)


def log_outlook(root: Path) -> None:
    """Logs how many days the disk will hold at the rate of the last week that the catalog knows."""
    files = DataFile.listed.all()
    newest = files.aggregate(Max("hour"))["hour__max"]
    if newest is None:
        return
    week = files.filter(hour__gt=newest - WEEK).aggregate(oldest=Min("hour"), bytes=Sum("bytes"))
    days = (newest + HOUR - week["oldest"]) / timedelta(days=1)
    a_day, free = week["bytes"] / days, shutil.disk_usage(root).free
    log.info("disk", free_bytes=free, bytes_a_day=round(a_day), days_left=round(free / a_day, 1))
