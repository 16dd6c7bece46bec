"""Instants as microseconds since 1970, as datetimes in UTC, and as ISO 8601 text."""

import time
from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now_us() -> int:
    """The clock, in microseconds since 1970."""
    return time.time_ns() // 1000


def utc(us: int) -> datetime:
    """The datetime of microseconds since 1970. Raises OverflowError outside the years 1 to 9999."""
    return EPOCH + timedelta(microseconds=us)


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970, exact: `timestamp()` is a float and rounds. A datetime without a zone is in UTC."""
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - EPOCH) // timedelta(microseconds=1)


def iso(moment: datetime, timespec: str = "auto") -> str:
    """ISO 8601 in UTC with `Z`; `timespec` as in `datetime.isoformat`. A datetime without a zone is in UTC."""
    naive = moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    return f"{naive.isoformat(timespec=timespec)}Z"


def iso_us(us: int) -> str:
    """Microseconds since 1970 as ISO 8601 with six decimals; the number itself outside the years 1 to 9999."""
    try:
        return iso(utc(us), "microseconds")
    except OverflowError:
        return str(us)
