"""Hits by time, and where data are missing, as the page draws them. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from explorer.search.address import Address

WIDTHS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
MOST = 250  # bars that are told apart
SHOWN = 1000  # bars of a chart: the newest ones


class Bar(NamedTuple):
    """`at`: its beginning, in seconds since 1970. `share`: percent of all posts of that time. `href`: the search within
    it."""

    start: str
    at: int
    hits: int
    all: int
    share: float
    href: str


class Segment(NamedTuple):
    """A gap of the coverage bar: both in thousandths of its length."""

    left: float
    width: float


def width(window: tuple[datetime, datetime] | None, clock: str) -> str:
    """Of a bar, so that the window has at most MOST of them. What authors claim goes back for years: days at least."""
    if window is None:
        return "day"
    length = window[1] - window[0]
    fit = (name for name, each in WIDTHS.items() if length / each <= MOST)
    found = next(fit, "week")
    return "day" if clock == "created" and found in ("minute", "hour") else found


def bars(rows: Sequence[Mapping[str, Any]], by: str, address: Address) -> list[Bar]:
    return [_bar(row, WIDTHS[by], address) for row in rows[-SHOWN:]]


def _bar(row: Mapping[str, Any], length: timedelta, address: Address) -> Bar:
    start = datetime.fromisoformat(row["start"])
    share = 100 * row["hits"] / row["all"] if row["all"] else 0.0
    href = address.having(start=stamp(start), end=stamp(start + length)).at()
    return Bar(stamp(start), int(start.timestamp()), row["hits"], row["all"], share, href)


def stamp(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def summary(shown: Sequence[Bar]) -> dict[str, Any]:
    """In numbers: hits and all posts, the share, and the highest bar."""
    hits, every = sum(bar.hits for bar in shown), sum(bar.all for bar in shown)
    peak = max(shown, key=lambda bar: bar.hits, default=None)
    return {"hits": hits, "all": every, "share": 100 * hits / every if every else 0.0, "peak": peak}


def segments(covered: Mapping[str, Any]) -> list[Segment]:
    """The gaps of a coverage, as the API answers with it."""
    if not covered["start"]:
        return []
    start, end = (datetime.fromisoformat(covered[name]) for name in ("start", "end"))
    return [_segment(gap, start, end - start) for gap in covered["gaps"]]


def _segment(gap: Mapping[str, Any], start: datetime, length: timedelta) -> Segment:
    """At least as wide as can be seen."""
    since, until = (datetime.fromisoformat(gap[name]) for name in ("start", "end"))
    share = max(2.0, 1000 * ((until - since) / length))
    return Segment(round(min(998.0, 1000 * ((since - start) / length)), 2), round(share, 2))
