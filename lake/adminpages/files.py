"""Files: the list, with requests to compact and verify them, and a table of days and datasets."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.dateparse import parse_date

from ingest.read_only_admin import ReadOnlyAdmin
from lake.adminpages.asking import Asking
from lake.adminpages.day_filter import day_filter
from lake.adminpages.files_by_day import DAYS, newest_day, table
from lake.adminpages.request_arguments import MOST_FILES
from lake.models import DataFile, Export, IndexFile, Request
from lake.schema import DATASETS


class Sized(ReadOnlyAdmin):
    @admin.display(description="size", ordering="bytes")
    def size(self, file: DataFile | IndexFile | Export) -> str:
        return filesizeformat(file.bytes)


class DataFileAdmin(Asking, Sized):
    list_display = ("path", "dataset", "hour", "rows", "size", "min_seen", "max_seen", "batch_id", "superseded_at")
    list_filter = ("dataset", ("superseded_at", admin.EmptyFieldListFilter), day_filter("hour"), "hour")
    search_fields = ("path",)
    actions = ("verify", "compact")
    change_list_template = "admin/lake/datafile/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        days = path("days/", self.admin_site.admin_view(self.days_view), name="lake_datafile_days")
        return [days, *super().get_urls()]

    @admin.action(description="Verify the selected files", permissions=["ask"])
    def verify(self, request: HttpRequest, files: "QuerySet[DataFile]") -> None:
        paths = list(files.filter(superseded_at=None).values_list("path", flat=True)[: MOST_FILES + 1])
        if len(paths) > MOST_FILES:
            messages.error(request, f"Select at most {MOST_FILES} files; for more run verify_lake.")
        else:
            asked = [{"files": paths}] if paths else []
            self.ask(request, Request.Kind.VERIFY_FILES, asked, "None of them is listed any more.")

    @admin.action(description="Compact the hours of the selected files", permissions=["ask"])
    def compact(self, request: HttpRequest, files: "QuerySet[DataFile]") -> None:
        over = files.filter(superseded_at=None, hour__lte=datetime.now(UTC) - timedelta(hours=1))
        hours = over.order_by("hour", "dataset").values_list("dataset", "hour").distinct()
        asked = [{"dataset": dataset, "hour": hour.isoformat()} for dataset, hour in hours]
        self.ask(request, Request.Kind.COMPACT_HOUR, asked, "None of these hours is over.")

    def days_view(self, request: HttpRequest) -> HttpResponse:
        """A page of DAYS days; `?until=` is the last of them."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        until = _date(request.GET.get("until", "")) or newest_day() or datetime.now(UTC).date()
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": "Files by day",
            "opts": self.opts,
            "datasets": list(DATASETS),
            "days": table(until),
            "older": until - timedelta(days=DAYS),
            "newer": until + timedelta(days=DAYS),
        }
        return TemplateResponse(request, "admin/lake/datafile/days.html", context)


class IndexFileAdmin(Sized):
    list_display = ("path", "start", "end", "rows", "size", "superseded_at")
    list_filter = (("superseded_at", admin.EmptyFieldListFilter),)
    search_fields = ("path",)
    date_hierarchy = "start"


def _date(text: str) -> date | None:
    try:
        return parse_date(text)
    except ValueError:
        return None
