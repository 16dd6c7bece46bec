"""How many files, rows and bytes each dataset has on each day of seen: one query of an index range."""

from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from django.db.models import CharField, Count, Max, Sum
from django.db.models.functions import Cast, Substr

from lake.catalog.figures import Held
from lake.models import DataFile
from lake.schema import DATASETS

DAYS = 31  # of one page
NOTHING = Held(0, 0, 0)


class Day(NamedTuple):
    """`datasets`: all of them in their order, also those without files."""

    day: str  # YYYY-MM-DD
    datasets: list[tuple[str, Held]]
    total: Held

    @property
    def rows(self) -> str:
        return f"{self.total.rows:,}"


def newest_day() -> date | None:
    """Of the newest hour that has a file, also one in an hour that is ahead."""
    newest: datetime | None = DataFile.objects.aggregate(newest=Max("hour"))["newest"]
    return newest and newest.date()


def table(until: date) -> list[Day]:
    """Days with files among the DAYS days up to `until`, the newest first."""
    end = datetime.combine(until, time(), UTC) + timedelta(days=1)
    listed = DataFile.listed.filter(hour__gte=end - timedelta(days=DAYS), hour__lt=end).order_by()
    # SQLite keeps a time as text: cutting it off is fifty times as fast as TruncDay, which calls Python for each row.
    days = listed.annotate(day=Substr(Cast("hour", CharField()), 1, 10)).values("day", "dataset")
    found: dict[str, dict[str, Held]] = {}
    for row in days.annotate(files=Count("pk"), n=Sum("rows"), b=Sum("bytes")):
        found.setdefault(row["day"], {})[row["dataset"]] = Held(row["files"], row["n"], row["b"])
    return [_day(day, found[day]) for day in sorted(found, reverse=True)]


def _day(day: str, held: dict[str, Held]) -> Day:
    total = Held(*(sum(numbers) for numbers in zip(*held.values(), strict=True)))
    return Day(day, [(name, held.get(name, NOTHING)) for name in DATASETS], total)
