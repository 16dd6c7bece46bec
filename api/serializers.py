"""What may be asked: parameters in, a Search out. Every fault is listed at once, an unknown parameter is one."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.conf import settings
from django.http import QueryDict
from rest_framework import serializers

from lake import query
from lake.search import Search

RESULT_LIMIT_ROWS = 1000


class Moment(serializers.Field[datetime, str, str, Any]):
    """An ISO date or date-time, UTC unless it says otherwise. With `end_of_day` a date means the end of that day."""

    def __init__(self, *, end_of_day: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._end_of_day = end_of_day

    def to_internal_value(self, data: Any) -> datetime:
        try:
            text = str(data).strip()
            if len(text) == len("2026-07-01"):
                return datetime.combine(date.fromisoformat(text), time(), UTC) + timedelta(days=self._end_of_day)
            moment = datetime.fromisoformat(text)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            raise serializers.ValidationError(
                "is no date: use 2026-07-01 or 2026-07-01T12:00:00Z (in a URL write + as %2B)."
            ) from None

    def to_representation(self, value: datetime) -> str:
        return value.isoformat()


class ExportParams(serializers.Serializer[Any]):
    text = serializers.CharField(required=False, default="", allow_blank=True, trim_whitespace=False)
    start = Moment(required=False, default=None)
    end = Moment(required=False, default=None, end_of_day=True)

    def to_internal_value(self, data: Any) -> Any:
        """The fields' own faults, and with them a fault for each name that is none of ours."""
        faults: dict[str, Any] = {}
        allowed = ", ".join(self.fields)
        for name in data:
            if name not in self.fields:
                faults[name] = [f"unknown parameter; these are known: {allowed}."]
            elif isinstance(data, QueryDict) and len(data.getlist(name)) > 1:
                faults[name] = ["is given more than once."]
        try:
            values = super().to_internal_value(data)
        except serializers.ValidationError as error:
            detail = error.detail if isinstance(error.detail, dict) else {"non_field_errors": error.detail}
            raise serializers.ValidationError({**detail, **faults}) from error
        if faults:
            raise serializers.ValidationError(faults)
        return values

    def validate_text(self, text: str) -> query.Query:
        try:
            return query.parse(text)
        except query.QueryError as error:
            raise serializers.ValidationError(f"{error}.") from error

    def validate(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        if values["start"] and values["end"] and values["start"] >= values["end"]:
            raise serializers.ValidationError({"end": ["is not after start."]})
        return values

    def to_search(self) -> Search:
        values = self.validated_data
        return Search(_parsed(values["text"]), values["start"], values["end"], timeout=settings.QUERY_TIMEOUT_SECONDS)


class CsvExportParams(ExportParams):
    format = serializers.ChoiceField(["csv"], default="csv")


class SearchParams(ExportParams):
    page = serializers.IntegerField(min_value=1, max_value=RESULT_LIMIT_ROWS, default=1)
    limit = serializers.IntegerField(min_value=1, max_value=RESULT_LIMIT_ROWS, default=50)

    def validate(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        values = super().validate(values)
        if values["page"] * values["limit"] > RESULT_LIMIT_ROWS:
            raise serializers.ValidationError(
                {"page": [f"page x limit is at most {RESULT_LIMIT_ROWS}: narrow the dates, or use the export."]}
            )
        return values

    def to_search(self) -> Search:
        values = self.validated_data
        return Search(
            _parsed(values["text"]),
            values["start"],
            values["end"],
            offset=(values["page"] - 1) * values["limit"],
            limit=values["limit"],
            timeout=settings.QUERY_TIMEOUT_SECONDS,
        )


def _parsed(text: query.Query | str) -> query.Query:
    return query.parse(text) if isinstance(text, str) else text  # a default is not validated
