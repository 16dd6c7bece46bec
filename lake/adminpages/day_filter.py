"""The filter by day of a long list: a range of an indexed time, and no query for the days that exist."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_date

DAYS = 14  # offered; any other day may stand in the URL


def day_filter(field: str) -> type[admin.SimpleListFilter]:
    class DayFilter(admin.SimpleListFilter):
        title = "day (UTC)"
        parameter_name = "day"

        def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
            today = datetime.now(UTC).date()
            days = [f"{today - timedelta(days=back)}" for back in range(DAYS)]
            chosen = [self.value()] if self.value() and self.value() not in days else []
            return [(day, day) for day in (*chosen, *days) if day]

        def queryset(self, request: HttpRequest, queryset: "QuerySet[Any]") -> "QuerySet[Any]":
            day = _day(self.value() or "")
            if day is None:
                return queryset
            return queryset.filter(**{f"{field}__gte": day, f"{field}__lt": day + timedelta(days=1)})

    return DayFilter


def _day(text: str) -> datetime | None:
    """Its beginning; None for what is no date."""
    try:
        date = parse_date(text)
    except ValueError:
        return None
    return None if date is None else datetime(date.year, date.month, date.day, tzinfo=UTC)
