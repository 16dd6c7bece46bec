"""Moments: microseconds since 1970, date-times in UTC, ISO 8601. Pure."""

import time
from datetime import UTC, datetime, timedelta


def now_us() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


def iso(us: int) -> str:
    """Microseconds since 1970 as ISO 8601 in UTC; the number itself where no calendar reaches."""
    try:
        moment = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=us)
    except OverflowError:
        return str(us)
    return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")


EPOCH = datetime.fromtimestamp(0, UTC)


def microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)


def iso_us(us: int) -> str:
    """ISO 8601 with six digits and Z."""
    return (EPOCH + timedelta(microseconds=us)).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def utc(us: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=us)
