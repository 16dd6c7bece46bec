"""Instants as microseconds since 1970, as datetimes in UTC, and as ISO 8601 text."""

import re
import time
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_ZONE = r"Z|z|[+ -][0-9]{2}:?[0-9]{2}"
_TIMESTAMP = re.compile(rf"({_DATE})[Tt ]([0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:[.,][0-9]{{1,9}})?)?)({_ZONE})?")


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


def parse_timestamp(text: str, *, end_of_day: bool = False) -> datetime:
    """An ISO 8601 date or date-time, in UTC unless it has an offset. With `end_of_day` a date means the beginning of
    the next day. Raises ValueError, or OverflowError outside the years 1 to 9999 in UTC."""
    text = text.strip()
    if re.fullmatch(_DATE, text):
        return _day(date.fromisoformat(text), end_of_day)
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        raise ValueError(text)
    day, clock, zone = match.groups(default="Z")
    # In a query string a + that is not encoded as %2B arrives as a space.
    return datetime.fromisoformat(f"{day}T{clock}{zone.upper().replace(' ', '+')}").astimezone(UTC)


def _day(day: date, end: bool) -> datetime:
    if end and day == date.max:
        return datetime.max.replace(tzinfo=UTC)  # for "without end"
    return datetime.combine(day, clock_time(), UTC) + timedelta(days=end)
