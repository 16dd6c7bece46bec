"""What may be asked: parameters in, a Search out. Every fault is listed at once, an unknown parameter is one."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.fields import empty

from api.asked import Asked
from api.fields import Moment, Text, WholeNumber
from lake.query import Query, Search

RESULT_LIMIT_ROWS = 1000

Faults = dict[str, Any]  # by field: sentences


class Params(serializers.Serializer[Any]):
    """The parameters that every search has."""

    text = Text(default=Query())
    start = Moment(default=None)
    end = Moment(default=None, end_of_day=True)

    def to_internal_value(self, data: Asked) -> Any:
        values: dict[str, Any] = {}
        faults: Faults = {}
        for name, field in self.fields.items():
            try:
                values[name] = field.run_validation(data.values.get(name) or empty)  # `start=` is as good as no start
            except serializers.ValidationError as error:
                faults[name] = error.detail
        faults |= data.faults | self._unknown(data.values)
        faults = self.contradictions({name: values[name] for name in values.keys() - faults.keys()}) | faults
        if faults:
            raise serializers.ValidationError(faults)
        return values

    def _unknown(self, values: Mapping[str, str]) -> Faults:
        known = ", ".join(self.fields)
        return {name: [f"unknown parameter; these are known: {known}."] for name in values if name not in self.fields}

    def contradictions(self, values: Mapping[str, Any]) -> Faults:
        """What is wrong with these together, of which each is right."""
        start, end = values.get("start"), values.get("end")
        return {"end": ["is not after start."]} if start and end and start >= end else {}

    def to_search(self) -> Search:
        values = self.validated_data
        return Search(values["text"], values["start"], values["end"], timeout=settings.QUERY_TIMEOUT_SECONDS)


class ExportParams(Params):
    format = serializers.ChoiceField(["csv"], default="csv", error_messages={"invalid_choice": "is not csv."})


class SearchParams(Params):
    page = WholeNumber(min_value=1, max_value=RESULT_LIMIT_ROWS, default=1)
    limit = WholeNumber(min_value=1, max_value=RESULT_LIMIT_ROWS, default=50)

    def contradictions(self, values: Mapping[str, Any]) -> Faults:
        faults = super().contradictions(values)
        if values.get("page", 1) * values.get("limit", 1) > RESULT_LIMIT_ROWS:
            faults["page"] = [f"page x limit is at most {RESULT_LIMIT_ROWS}: narrow the dates, or use the export."]
        return faults

    def to_search(self) -> Search:
        values = self.validated_data
        return Search(
            values["text"],
            values["start"],
            values["end"],
            offset=(values["page"] - 1) * values["limit"],
            limit=values["limit"],
            timeout=settings.QUERY_TIMEOUT_SECONDS,
        )
