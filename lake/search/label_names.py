"""Which labels the posts of a window have: by name and model, and how many of each day's posts have any."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.db.models import Sum

from lake.catalog import listing
from lake.catalog.read_guard import retry_superseded
from lake.scan.label_summaries import HourLabels, LabelSummaries

DAYS = timedelta(days=30)  # before the newest row, where a window has no start


class Named(NamedTuple):
    """`posts`: how many have it. `labels`: with the older ones. `first_us`, `last_us`: when they were labelled."""

    name: str
    model: str
    posts: int
    labels: int
    first_us: int | None
    last_us: int | None


class LabelledDay(NamedTuple):
    day: date
    posts: int
    labelled: int


class LabelNames(NamedTuple):
    """`names`: the most frequent first. `days`: those with posts."""

    start: datetime | None
    end: datetime | None
    names: list[Named]
    days: list[LabelledDay]


def label_names(summaries: LabelSummaries, start: datetime | None, end: datetime | None) -> LabelNames:
    """Of the whole hours in [start, end), by the clock `seen`; by default of the last DAYS. Rows are counted that files
    hold: hidden ones too, until they are purged."""
    newest = listing.newest_seen()
    start = start or (None if newest is None else (end or newest) - DAYS)
    first, last = (_hour(start) if start else None), (_hour(end - timedelta(microseconds=1)) if end else None)
    hours = retry_superseded(lambda: _read(summaries, first, last))
    return LabelNames(start, end, _names(hours), list(_days(hours, first, last)))


def _hour(time: datetime) -> datetime:
    return time.replace(minute=0, second=0, microsecond=0)


def _read(summaries: LabelSummaries, first: datetime | None, last: datetime | None) -> dict[datetime, HourLabels]:
    files = listing.label_files(first, last)
    found = summaries.of_all(list(files.values()))
    return {hour: found[paths] for hour, paths in files.items()}


def _names(hours: dict[datetime, HourLabels]) -> list[Named]:
    found: dict[tuple[str, str], Named] = {}
    for labels in hours.values():
        for key, said in labels.said.items():
            known = found.get(key, Named(*key, 0, 0, None, None))
            firsts = [us for us in (known.first_us, said.first_us) if us is not None]
            lasts = [us for us in (known.last_us, said.last_us) if us is not None]
            counts = known.posts + said.posts, known.labels + said.labels
            found[key] = Named(*key, *counts, min(firsts, default=None), max(lasts, default=None))
    return sorted(found.values(), key=lambda one: (-one.posts, one.name, one.model))


def _days(hours: dict[datetime, HourLabels], first: datetime | None, last: datetime | None) -> Iterator[LabelledDay]:
    files = listing.files_of("posts").order_by("hour")
    files = files.filter(hour__gte=first) if first else files
    files = files.filter(hour__lte=last) if last else files
    posts: Counter[date] = Counter()
    for hour, rows in files.values_list("hour").annotate(Sum("rows")):
        posts[hour.date()] += rows
    labelled: Counter[date] = Counter()
    for hour, labels in hours.items():
        labelled[hour.date()] += labels.posts
    return (LabelledDay(day, rows, labelled[day]) for day, rows in sorted(posts.items()))
