"""Retention: whole hours leave the lake after a dataset's days. Off until RETENTION_DAYS or the admin has days."""

import shutil
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from django.conf import settings
from django.db.models import Max, Min, Sum

from lake.catalog.listing import ListedFile
from lake.models import DataFile, IndexFile, Retention
from lake.schema import DATASETS
from lake.storage.layout import HOUR

log = structlog.get_logger("retention")

WEEK = timedelta(days=7)


def expired(files: Iterable[ListedFile], days: Mapping[str, int], now: datetime) -> list[ListedFile]:
    """The files of hours that ended at least so many days ago. `days`: by dataset. Pure."""
    before = {dataset: now - timedelta(days=number) for dataset, number in days.items()}
    return [file for file in files if file.dataset in before and file.hour + HOUR <= before[file.dataset]]


def rules() -> dict[str, int]:
    """Days by dataset, for datasets that have a rule. The admin's, also "for ever", wins over RETENTION_DAYS."""
    rows = dict(Retention.objects.filter(dataset__in=DATASETS).values_list("dataset", "days"))
    return {dataset: days for dataset, days in {**settings.RETENTION_DAYS, **rows}.items() if days}


def effective(days: Mapping[str, int]) -> dict[str, int]:
    """These rules as they are applied: a label goes with its post at the latest. Pure."""
    labels = min((days[name] for name in ("posts", "labels") if name in days), default=0)
    return {**days, "labels": labels} if labels else dict(days)


def announced() -> dict[str, int]:
    """The rules that an earlier pass has announced: only these take effect."""
    known = dict(Retention.objects.exclude(announced=None).values_list("dataset", "announced"))
    return {dataset: days for dataset, days in rules().items() if known.get(dataset) == days}


def announce(files: Sequence[ListedFile], now: datetime) -> None:
    """Enters RETENTION_DAYS where the admin has no rule, and logs what each new rule will remove in the next pass."""
    for dataset, days in settings.RETENTION_DAYS.items():
        Retention.objects.get_or_create(dataset=dataset, defaults={"days": days})
    for dataset, days in rules().items() - announced().items():
        due = expired(files, {dataset: days}, now)
        log.warning(
            "retention is new: the next pass will remove",
            dataset=dataset,
            days=days,
            files=len(due),
            rows=sum(file.rows for file in due),
            bytes=sum(file.bytes for file in due),
            from_hour=min((file.hour for file in due), default=None),
        )
        Retention.objects.filter(dataset=dataset, days=days).update(announced=days)
    Retention.objects.filter(days=None).exclude(announced=None).update(announced=None)


def log_outlook(root: Path) -> None:
    """Logs for how many days the disk has room, at the rate of the newest week in the lake."""
    files = DataFile.listed.all()
    newest = files.aggregate(Max("hour"))["hour__max"]
    if newest is None:
        return
    week = files.filter(hour__gt=newest - WEEK).aggregate(oldest=Min("hour"), bytes=Sum("bytes"))
    days = (newest + HOUR - week["oldest"]) / timedelta(days=1)
    indexes = IndexFile.listed.filter(start__gt=newest - WEEK).aggregate(bytes=Sum("bytes"))["bytes"] or 0
    rate, free = (week["bytes"] + indexes) / days, shutil.disk_usage(root).free
    log.info("disk", free_bytes=free, bytes_a_day=round(rate), days_left=round(free / rate, 1))
