"""Parameters by name. Every fault is listed at once, an unknown parameter is one."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers
from rest_framework.fields import empty

from api.params.fields import Repeatable
from api.params.request_values import RequestValues
from lake.flags.definitions import Flags

MAX_FAULTS = 50  # told of one request
MOST_OF_NAME = 100  # characters of an unknown parameter's name that the answer repeats

Faults = dict[str, Any]  # by field: sentences


class StrictSerializer(serializers.Serializer[Any]):
    """The context's `flags` are as of the request."""

    @property
    def flags(self) -> Flags:
        flags: Flags = self.context["flags"]
        return flags

    def to_internal_value(self, data: RequestValues) -> Any:
        self.asked = data
        values: dict[str, Any] = {}
        faults: Faults = {}
        for name, field in self.fields.items():
            try:
                values[name] = field.run_validation(_given(field, name, data))
            except serializers.ValidationError as error:
                faults[name] = error.detail
                values[name] = field.get_default() if not field.required else None
        faults |= self._unknown(data.values) | data.faults
        faults = self.contradictions(values) | faults
        if faults:
            raise serializers.ValidationError(dict(list(faults.items())[:MAX_FAULTS]))
        return values

    def _unknown(self, values: Mapping[str, list[str]]) -> Faults:
        known = ", ".join(self.fields)
        unknown = [name[:MOST_OF_NAME] for name in values if name not in self.fields]
        return {name: [f"unknown parameter; these are known: {known}."] for name in unknown}

    def contradictions(self, values: dict[str, Any]) -> Faults:
        """What is wrong with these together, of which each is right. May complete them."""
        start, end = values.get("start"), values.get("end")
        return (
            {"end": ["is not after start: give a later one. An end that is a date includes that day."]}
            if start and end and start >= end
            else {}
        )


def _given(field: Any, name: str, asked: RequestValues) -> Any:
    """`start=` is as good as no start. Raises ValidationError when there are several of what can be one."""
    texts = [text for text in asked.values.get(name, []) if text]
    if (kind := asked.kinds.get(name, field.json[0])) not in field.json:
        raise serializers.ValidationError(f"must be a {' or a '.join(field.json)} in the JSON, not a {kind}.")
    if isinstance(field, Repeatable):
        return texts or empty
    if len(texts) > 1:
        raise serializers.ValidationError("is given more than once: it takes one value.")
    return texts[0] if texts else empty
