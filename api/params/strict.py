"""Parameters by name. Every fault is reported at once; an unknown parameter is one."""

from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty

from api.params.fields import Repeatable, Timestamp
from api.params.request_values import RequestValues
from lake.flags.definitions import Flags
from lake.query.filters import synonyms

MAX_FAULTS = 50  # reported for one request
MAX_NAME = 100  # characters of an unknown parameter's name that the answer repeats

Faults = dict[str, Any]  # by parameter: sentences


class StrictSerializer(serializers.Serializer[Any]):
    """`data` is RequestValues; the context has the `flags` of the request."""

    @property
    def flags(self) -> Flags:
        flags: Flags = self.context["flags"]
        return flags

    def to_internal_value(self, data: RequestValues) -> Any:
        values: dict[str, Any] = {}
        faults: Faults = {}
        for name, field in self.fields.items():
            try:
                values[name] = field.run_validation(_given(field, _names(name, data), data))
            except serializers.ValidationError as error:
                faults[name] = error.detail
                values[name] = field.get_default() if not field.required else None
        values, together = self.combined(values)
        told = {_names(name, data)[0]: texts for name, texts in (together | faults).items()}
        faults = told | self.unknown(data.values) | data.faults
        if faults:
            raise serializers.ValidationError(dict(list(faults.items())[:MAX_FAULTS]))
        return values

    def unknown(self, values: Mapping[str, list[str]]) -> Faults:
        """A fault for each name that is no parameter."""
        known = ", ".join(self.fields)
        names = {each for name, _ in self.fields.items() for each in (name, *synonyms(name))}
        unknown = [name[:MAX_NAME] for name in values if name not in names]
        return {name: [f"unknown parameter; these are known: {known}."] for name in unknown}

    def combined(self, values: dict[str, Any]) -> tuple[dict[str, Any], Faults]:
        """The values, completed by what depends on several of them, and the faults of their combination."""
        return values, {}

    def given(self) -> dict[str, list[str]]:
        """The values of each parameter, by whatever synonyms they came."""
        return {name: _texts(_names(name, self.initial_data), self.initial_data) for name, _ in self.fields.items()}

    def requested(self) -> dict[str, Any]:
        """Every parameter as it was given, else its default, as JSON."""
        return {name: _requested(self.fields[name], texts) for name, texts in self.given().items()}


class WindowParams(StrictSerializer):
    """A stretch of time."""

    start = Timestamp(default=None, help_text="Date or date-time, UTC unless it says otherwise.")
    end = Timestamp(default=None, end_of_day=True, help_text="As start; a date includes that day.")

    def combined(self, values: dict[str, Any]) -> tuple[dict[str, Any], Faults]:
        values, faults = super().combined(values)
        if values["start"] and values["end"] and values["start"] >= values["end"]:
            faults["end"] = ["is not after start: give a later one. An end that is a date includes that day."]
        return values, faults


def _names(name: str, request: RequestValues) -> list[str]:
    """Those by which the request gives the parameter; its own when there is none."""
    return [each for each in (name, *synonyms(name)) if any(request.values.get(each, ())) or each in request.kinds] or [
        name
    ]


def _texts(names: Sequence[str], request: RequestValues) -> list[str]:
    """An empty value counts as absent."""
    return [text for name in names for text in request.values.get(name, []) if text]


def _given(field: Any, names: Sequence[str], request: RequestValues) -> Any:
    """The value, or values, to validate. Raises ValidationError."""
    texts = _texts(names, request)
    for name in names:
        if (kind := request.kinds.get(name, field.json[0])) not in field.json:
            raise serializers.ValidationError(f"must be a {' or a '.join(field.json)} in the JSON, not a {kind}.")
    if isinstance(field, Repeatable):
        return texts or empty
    if len(texts) > 1:
        by_names = f", as {' and '.join(names)}" if len(names) > 1 else ""
        raise serializers.ValidationError(f"is given more than once{by_names}: it takes one value.")
    return texts[0] if texts else empty


def _requested(field: Any, texts: list[str]) -> Any:
    if isinstance(field, Repeatable):
        return texts
    if not texts:
        return field.get_default()
    return texts[0] if "string" in field.json else field.run_validation(texts[0])  # a number, true or false
