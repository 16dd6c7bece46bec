"""Kinds of parameters: text in, a typed value out, or a sentence that says what is allowed."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty

from lake.query.filter_values import QueryError, ValueKind
from lake.query.parser import MAX_ITEMS, MAX_ITEMS_CHARACTERS, parse_item
from lake.query.spec import EVERYTHING
from lake.query.tree import And, Filter, Node, Not
from process.instants import parse_timestamp

MAX_VALUES = 10_000  # of one parameter
SHOWN = 100  # characters of a wrong value that the answer repeats


class Parameter:
    """`json`: the JSON types that a value may have in a POST."""

    json: tuple[str, ...] = ("string",)


class Timestamp(Parameter, serializers.Field[datetime, str, str, Any]):
    """An ISO date or date-time, UTC unless it says otherwise. With `end_of_day` a date means the end of that day."""

    default_error_messages = {
        "invalid": "is not a date or time: use 2026-07-01 or 2026-07-01T12:00:00Z (in a URL write + as %2B).",
        "range": "is out of range: use the years 1 to 9999.",
    }

    def __init__(self, *, end_of_day: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._end_of_day = end_of_day

    def to_internal_value(self, data: Any) -> datetime:
        try:
            return parse_timestamp(str(data), end_of_day=self._end_of_day)
        except ValueError:
            self.fail("invalid")
        except OverflowError:
            self.fail("range")

    def to_representation(self, value: datetime) -> str:
        return value.isoformat()


class Moment(Timestamp):
    """A point of time, inclusive: a date means the last microsecond of that day."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(end_of_day=True, **kwargs)

    def to_internal_value(self, data: Any) -> datetime:
        moment = super().to_internal_value(data)
        return moment - timedelta(microseconds=moment != parse_timestamp(str(data)))


class Integer(Parameter, serializers.IntegerField):
    """Digits. A minus is read too, so that a negative number is reported as too small."""

    json = ("number",)
    default_error_messages = {
        "invalid": "is not a whole number: use digits only, as in 50.",
        "min_value": "is less than {min_value}: use {min_value} or more.",
        "max_value": "is more than {max_value}: use {max_value} or less.",
    }

    def to_internal_value(self, data: Any) -> int:
        if not re.fullmatch(r"-?[0-9]{1,100}", str(data)):
            self.fail("invalid")
        return int(data)


class Boolean(Parameter, serializers.BooleanField):
    """true or false; in a query also True, TRUE and the like."""

    json = ("boolean",)
    default_error_messages = {"invalid": "must be true or false."}

    def to_internal_value(self, data: Any) -> bool:
        if (text := str(data).lower()) not in ("true", "false"):
            self.fail("invalid")
        return text == "true"


class Choice(Parameter, serializers.ChoiceField):
    def __init__(self, choices: Sequence[str], **kwargs: Any) -> None:
        message = f"must be one of {', '.join(choices)}."
        super().__init__(choices, error_messages={"invalid_choice": message}, **kwargs)


class Text(Parameter, serializers.CharField):
    """Any text without NUL. `kind`: the name of its format in the schema."""

    def __init__(self, kind: str = "", **kwargs: Any) -> None:
        super().__init__(allow_blank=True, trim_whitespace=False, **kwargs)
        self.kind = kind

    def run_validation(self, data: Any = empty) -> Any:
        if isinstance(data, str) and "\0" in data:
            raise serializers.ValidationError("contains NUL, which can't be searched for: remove it.")
        return super().run_validation(data)


class Seed(Text):
    json = ("string", "number")


class Value(Text):
    def __init__(self, value: ValueKind, kind: str = "", **kwargs: Any) -> None:
        super().__init__(kind, **kwargs)
        self.value = value

    def to_internal_value(self, data: Any) -> str:
        try:
            return self.value.parse_parameter(super().to_internal_value(data))
        except QueryError as error:
            raise serializers.ValidationError(f"{error}.") from error


class Repeatable(Parameter, serializers.ListField):
    """A parameter that may be repeated, up to `most` times."""

    most = MAX_VALUES
    json = ("string", "list")
    default_error_messages = {"required": "is required."}

    def run_child_validation(self, data: Any) -> Any:
        """Reports the first wrong value only."""
        if len(data) > self.most:
            raise serializers.ValidationError(f"has {len(data)} values, at most {self.most} are allowed.")
        return [self._value(text) for text in data]

    def _value(self, text: str) -> Any:
        if not text:
            raise serializers.ValidationError("has an empty value: leave it out.")
        return self.child.run_validation(text)


class TermList(Repeatable):
    """Alternatives as they were written, with their nodes."""

    most = MAX_ITEMS

    def run_child_validation(self, data: Any) -> Any:
        if (size := sum(map(len, data))) > MAX_ITEMS_CHARACTERS:
            raise serializers.ValidationError(f"has {size} characters, at most {MAX_ITEMS_CHARACTERS} are allowed.")
        try:
            return [(text, parse_item(text)) for text in super().run_child_validation(data)]
        except QueryError as error:
            raise serializers.ValidationError(f"{error}.") from error


class FilterField(Repeatable):
    """The values of a filter as its node: any of these, and none of those that begin with `-`."""

    def __init__(self, filter_kind: str, **kwargs: Any) -> None:
        every_row: Any = lambda: EVERYTHING  # noqa: E731
        super().__init__(default=every_row, **kwargs)
        self._kind = filter_kind

    def run_child_validation(self, data: Any) -> Any:
        values = super().run_child_validation(data)
        included = tuple(value for text, value in zip(data, values, strict=True) if not text.startswith("-"))
        excluded = tuple(value for text, value in zip(data, values, strict=True) if text.startswith("-"))
        nodes: list[Node] = [Filter(self._kind, included)] if included else []
        nodes += [Not(Filter(self._kind, excluded))] if excluded else []
        return And(tuple(nodes))

    def _value(self, text: str) -> Any:
        return super()._value(text.removeprefix("-"))
