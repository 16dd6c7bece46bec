"""Times as readers write them. Pure."""

import re
from datetime import UTC, date, datetime, time, timedelta

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_ZONE = r"Z|z|[+ -][0-9]{2}:?[0-9]{2}"
_TIMESTAMP = re.compile(rf"({_DATE})[Tt ]([0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:[.,][0-9]{{1,9}})?)?)({_ZONE})?")


def parse_timestamp(text: str, *, end_of_day: bool = False) -> datetime:
    """An ISO date or date-time, UTC unless it says otherwise. With `end_of_day` a date means the end of that day: the
    beginning of the next. Raises ValueError, or OverflowError where it is outside of the years 1 to 9999 in UTC."""
    text = text.strip()
    if re.fullmatch(_DATE, text):
        return _day(date.fromisoformat(text), end_of_day)
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        raise ValueError(text)
    day, clock, zone = found.groups(default="Z")
    # A + that was not written as %2B arrives as a space; nothing else could stand there.
    return datetime.fromisoformat(f"{day}T{clock}{zone.upper().replace(' ', '+')}").astimezone(UTC)


def _day(day: date, end: bool) -> datetime:
    if end and day == date.max:
        return datetime.max.replace(tzinfo=UTC)  # for "without end"
    return datetime.combine(day, time(), UTC) + timedelta(days=end)
