"""Pass or fail: pure functions of what was noted."""

from collections.abc import Sequence
from typing import NamedTuple

from tests.weeks.days import Day

GROWTH = 1.15  # of memory, and 50 MB: allocators keep some of what they were given
SPARE_MB = 50
DATASETS = 9
OPEN_HOURS = 4  # in which each flush leaves a file of each dataset: until an hour is over, and an hour more
FLUSHES_AN_HOUR = 13
TOMBSTONE_DAYS = 5  # they are kept for four, and until the next pass
SLOWER, SLOWER_MS, LONGEST_MS = 2.0, 50.0, 30_000.0
SMALLER = 0.8
LEAST_EVENTS_A_DAY = 5_000_000  # smaller files compress worse: with a million a day it is 78 %


class Verdict(NamedTuple):
    """`passed`: None if the run is too short or too small to say."""

    what: str
    passed: bool | None
    because: str

    @property
    def word(self) -> str:
        return {True: "pass", False: "FAIL", None: "not judged"}[self.passed]


def of_days(days: Sequence[Day], json_bytes: int) -> list[Verdict]:
    """`json_bytes`: of all events."""
    found = [memory(days, name) for name in sorted(days[0].megabytes)]
    found += [files(days), catalog(days), tombstones(days), size(days[-1], json_bytes)]
    return found + [latency(days, name) for name in sorted(days[0].latency)]


def memory(days: Sequence[Day], name: str) -> Verdict:
    sizes = [day.megabytes[name] for day in days]
    text = "MB at most each day: " + ", ".join(f"{size:.0f}" for size in sizes)
    passed = sizes[-1] <= sizes[0] * GROWTH + SPARE_MB if len(sizes) > 1 else None
    return Verdict(f"memory of {name} is flat", passed, text)


def files(days: Sequence[Day], datasets: int = DATASETS) -> Verdict:
    last = days[-1]
    most = datasets * (last.hours + OPEN_HOURS * FLUSHES_AN_HOUR)
    text = f"{last.held.files:,} files for {last.hours} hours of {datasets} datasets; at most {most:,}"
    return Verdict("the number of files is bounded", last.held.files <= most, text)


def catalog(days: Sequence[Day]) -> Verdict:
    """No day adds more to it than the days before: it grows with the days, not with the size of the lake."""
    sizes = [day.held.catalog_bytes / 1e6 for day in days]
    steps = [after - before for before, after in zip([0.0, *sizes], sizes, strict=False)]
    text = "MB at the end of each day: " + ", ".join(f"{size:.1f}" for size in sizes)
    passed = steps[-1] <= max(steps[:-1]) * GROWTH if len(steps) > 1 else None
    return Verdict("the catalog is bounded", passed, text)


def tombstones(days: Sequence[Day]) -> Verdict:
    rows = [day.held.rows["lake_tombstone"] for day in days]
    text = "rows at the end of each day: " + ", ".join(f"{count:,}" for count in rows)
    passed = rows[-1] <= rows[TOMBSTONE_DAYS - 1] * GROWTH if len(rows) > TOMBSTONE_DAYS else None
    return Verdict("tombstones are bounded", passed, text)


def latency(days: Sequence[Day], name: str) -> Verdict:
    first, last = days[0].latency[name].p95, days[-1].latency[name].p95
    slowest = max(day.latency[name].most for day in days)
    passed: bool | None = last <= first * SLOWER + SLOWER_MS and slowest < LONGEST_MS
    if passed and len(days) == 1:
        passed = None
    return Verdict(
        name, passed, f"p95 {first:.0f} ms on the first day, {last:.0f} ms on the last; longest {slowest:.0f}"
    )


def size(day: Day, json_bytes: int) -> Verdict:
    stored = day.held.file_bytes + day.held.index_bytes
    text = (
        f"{stored / day.events:.1f} bytes an event with indexes, {day.held.file_bytes / day.events:.1f} without; "
        f"{json_bytes / day.events:.1f} of JSON: {1 - stored / json_bytes:.1%} smaller"
    )
    passed = stored <= json_bytes * (1 - SMALLER) if day.events_of_day >= LEAST_EVENTS_A_DAY else None
    return Verdict("at least 80 % smaller than the JSON", passed, text)
