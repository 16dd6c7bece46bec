"""Kinds of parameters: text in, a typed value out, or a sentence that says what is allowed."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from rest_framework import serializers

from lake import query

_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_ZONE = r"Z|z|[+ -][0-9]{2}:?[0-9]{2}"
_MOMENT = re.compile(rf"({_DATE})[Tt ]([0-9]{{2}}:[0-9]{{2}}(?::[0-9]{{2}}(?:[.,][0-9]{{1,9}})?)?)({_ZONE})?")


class Moment(serializers.Field[datetime, str, str, Any]):
    """An ISO date or date-time, UTC unless it says otherwise. With `end_of_day` a date means the end of that day."""

    default_error_messages = {
        "invalid": "is no date: use 2026-07-01 or 2026-07-01T12:00:00Z (in a URL write + as %2B).",
        "range": "is out of range: the years 1 to 9999 are known.",
    }

    def __init__(self, *, end_of_day: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._end_of_day = end_of_day

    def to_internal_value(self, data: Any) -> datetime:
        text = str(data).strip()
        try:
            return self._day(date.fromisoformat(text)) if re.fullmatch(_DATE, text) else _moment(text)
        except ValueError:
            self.fail("invalid")
        except OverflowError:
            self.fail("range")

    def _day(self, day: date) -> datetime:
        if self._end_of_day and day == date.max:
            return datetime.max.replace(tzinfo=UTC)  # for "without end"
        return datetime.combine(day, time(), UTC) + timedelta(days=self._end_of_day)

    def to_representation(self, value: datetime) -> str:
        return value.isoformat()


def _moment(text: str) -> datetime:
    """Raises ValueError, or OverflowError where it is in another year in UTC."""
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise ValueError(text)
    day, clock, zone = found.groups(default="Z")
    # A + that was not written as %2B arrives as a space; nothing else could stand there.
    return datetime.fromisoformat(f"{day}T{clock}{zone.upper().replace(' ', '+')}").astimezone(UTC)


class WholeNumber(serializers.IntegerField):
    """Digits, and a minus so that it can be told that it is too small."""

    default_error_messages = {
        "invalid": "is no whole number.",
        "min_value": "is less than {min_value}.",
        "max_value": "is more than {max_value}.",
    }

    def to_internal_value(self, data: Any) -> int:
        if not re.fullmatch(r"-?[0-9]{1,100}", str(data)):
            self.fail("invalid")
        return int(data)


class Text(serializers.CharField):
    """The text of a search, parsed."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_blank=True, trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        text = super().to_internal_value(data)
        if "\0" in text:
            raise serializers.ValidationError("contains NUL, which no search can.")
        try:
            return query.parse(text)
        except query.QueryError as error:
            raise serializers.ValidationError(f"{error}.") from error
