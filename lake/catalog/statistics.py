"""What the lake holds, by dataset and day: from the catalog alone, no file is read."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Min, Sum
from django.db.models.functions import TruncDate

from lake.models import DataFile


def stats(start: datetime | None = None, end: datetime | None = None) -> dict[str, Any]:
    """Rows (all versions, the hidden ones too), bytes and files of the hours in [start, end), newest day first."""
    files = DataFile.listed.all()
    files = files.filter(hour__gte=start) if start else files
    files = files.filter(hour__lt=end) if end else files
    sums = {"rows": Sum("rows"), "bytes": Sum("bytes"), "files": Count("pk")}
    days = files.annotate(day=TruncDate("hour")).values("day", "dataset").annotate(**sums).order_by("-day", "dataset")
    totals = files.order_by().values("dataset").annotate(**sums, oldest=Min("min_seen"), newest=Max("max_seen"))
    return {
        "datasets": {row["dataset"]: {**row} for row in totals.order_by("dataset")},
        "days": _by_day(days),
    }


def _by_day(rows: Iterable[Any]) -> list[dict[str, Any]]:
    days: dict[str, dict[str, Any]] = {}
    for row in rows:
        day, dataset = row["day"].isoformat(), row["dataset"]
        counted = {name: row[name] for name in ("rows", "bytes", "files")}
        days.setdefault(day, {"day": day, "datasets": {}})["datasets"][dataset] = counted
    return list(days.values())
