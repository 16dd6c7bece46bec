"""Kinds of parameters: text in, a typed value out, or a sentence that says what is allowed. `json`: what a value may be
in the JSON of a POST."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty

from lake.query.filters import QueryError, parse_value
from lake.query.timestamps import parse_timestamp

MANY = 10_000  # values of one parameter


class Timestamp(serializers.Field[datetime, str, str, Any]):
    """An ISO date or date-time, UTC unless it says otherwise. With `end_of_day` a date means the end of that day."""

    json: tuple[str, ...] = ("string",)
    default_error_messages = {
        "invalid": "is no date: use 2026-07-01 or 2026-07-01T12:00:00Z (in a URL write + as %2B).",
        "range": "is out of range: the years 1 to 9999 are known.",
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


class Integer(serializers.IntegerField):
    """Digits, and a minus so that it can be told that it is too small."""

    json: tuple[str, ...] = ("number",)
    default_error_messages = {
        "invalid": "is no whole number: use digits only, as in 50.",
        "min_value": "is less than {min_value}: use {min_value} or more.",
        "max_value": "is more than {max_value}: use {max_value} or less.",
    }

    def to_internal_value(self, data: Any) -> int:
        if not re.fullmatch(r"-?[0-9]{1,100}", str(data)):
            self.fail("invalid")
        return int(data)


class Boolean(serializers.BooleanField):
    json: tuple[str, ...] = ("boolean",)
    default_error_messages = {"invalid": "must be true or false."}

    def to_internal_value(self, data: Any) -> bool:
        if data not in ("true", "false"):
            self.fail("invalid")
        return bool(data == "true")


class Choice(serializers.ChoiceField):
    json: tuple[str, ...] = ("string",)

    def __init__(self, choices: Sequence[str], **kwargs: Any) -> None:
        message = f"must be one of {', '.join(choices)}."
        super().__init__(choices, error_messages={"invalid_choice": message}, **kwargs)


class Text(serializers.CharField):
    """Any text without NUL. `form`: a pattern that all of it must have, `what`: its name, or what such a text is called
    in the schema."""

    json: tuple[str, ...] = ("string",)

    def __init__(self, form: str = "", what: str = "", **kwargs: Any) -> None:
        super().__init__(allow_blank=True, trim_whitespace=False, **kwargs)
        self.form, self.what = form, what
        self._pattern = re.compile(form or ".*", re.DOTALL)

    def run_validation(self, data: Any = empty) -> Any:
        if isinstance(data, str) and "\0" in data:
            raise serializers.ValidationError("contains NUL, which can't be searched for: leave it out.")
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> str:
        text: str = super().to_internal_value(data)
        if self._pattern.fullmatch(text) is None:
            raise serializers.ValidationError(f"{text[:100]!r} is no {self.what}.")
        return text


class Seed(Text):
    json = ("string", "number")


class Value(Text):
    """What a filter of lake.query.filters takes."""

    def __init__(self, kind: str) -> None:
        super().__init__("", kind)

    def to_internal_value(self, data: Any) -> str:
        try:
            return parse_value(self.what, super().to_internal_value(data))
        except QueryError as error:
            raise serializers.ValidationError(f"{error}.") from error


class Repeatable(serializers.ListField):
    """A parameter that may be repeated."""

    json = ("string", "list")
    default_error_messages = {"required": "is needed."}

    def __init__(self, child: serializers.Field[Any, Any, Any, Any], **kwargs: Any) -> None:
        super().__init__(child=child, max_length=MANY, **kwargs)

    def run_child_validation(self, data: Any) -> list[Any]:
        """The first that is wrong is told."""
        if len(data) > MANY:
            raise serializers.ValidationError(f"has {len(data)} values, at most {MANY} are allowed.")
        return [self.one(text) for text in data]

    def one(self, text: str) -> Any:
        if not text:
            raise serializers.ValidationError("has an empty value: leave it out.")
        return self.child.run_validation(text)


class Excludable(Repeatable):
    """Any of these. A value that begins with `-` excludes: the values are pairs of whether it does, and the text."""

    def __init__(self, child: serializers.Field[Any, Any, Any, Any], **kwargs: Any) -> None:
        super().__init__(child, default=list, **kwargs)

    def one(self, text: str) -> tuple[bool, Any]:
        excludes = text.startswith("-")
        return excludes, super().one(text[excludes:])
