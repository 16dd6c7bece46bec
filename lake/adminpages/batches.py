"""Batches: what each took, wrote and cost, the latest as a chart, and the retry of a failed one."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html

from ingest.read_only_admin import ReadOnlyAdmin
from lake.adminpages.asking import Asking
from lake.adminpages.batch_chart import MOST, Bar, chart
from lake.adminpages.day_filter import day_filter
from lake.models import BatchRun, Request

SHOWN_CHARACTERS = 100  # of an error in a list; its own page shows all


class BatchRunAdmin(Asking, ReadOnlyAdmin):
    list_display = (
        *("started_at", "outcome", "took", "events", "written", "duplicates", "dead_letters", "misfits"),
        *("size_in", "size_out", "first_seen", "last_seen"),
    )
    list_filter = ("state", day_filter("started_at"), "started_at")
    search_fields = ("error", "first_id", "last_id")
    actions = ("retry",)
    change_list_template = "admin/lake/batchrun/change_list.html"

    @admin.display(description="rows written")
    def written(self, run: BatchRun) -> str:
        return f"{sum(run.rows.values()):,}"

    @admin.display(description="seconds", ordering="seconds")
    def took(self, run: BatchRun) -> str:
        return f"{run.seconds:,.2f}"

    @admin.display(description="in", ordering="bytes_in")
    def size_in(self, run: BatchRun) -> str:
        return filesizeformat(run.bytes_in)

    @admin.display(description="out", ordering="bytes_out")
    def size_out(self, run: BatchRun) -> str:
        return filesizeformat(run.bytes_out)

    @admin.display(description="state", ordering="state")
    def outcome(self, run: BatchRun) -> str:
        error = run.error if len(run.error) <= SHOWN_CHARACTERS else f"{run.error[:SHOWN_CHARACTERS]}…"
        return format_html('<strong class="state {}">{}</strong> {}', run.state, run.state, error)

    @admin.action(description="Retry the selected failed batches", permissions=["ask"])
    def retry(self, request: HttpRequest, runs: "QuerySet[BatchRun]") -> None:
        failed = runs.filter(state=BatchRun.State.FAILED).order_by("pk").values_list("pk", flat=True)
        self.ask(request, Request.Kind.RETRY_BATCH, [{"batch": pk} for pk in failed], "None of them has failed.")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        response = super().changelist_view(request, extra_context)
        context = getattr(response, "context_data", None)
        if context and "cl" in context:
            context["chart"] = _chart(context["cl"].queryset)
        return response


def _chart(runs: "QuerySet[BatchRun]") -> str:
    latest = runs.order_by("-started_at").values_list("pk", "started_at", "rows", "seconds", "state")[:MOST]
    return chart(
        [
            Bar(at, sum(rows.values()), seconds, state == BatchRun.State.FAILED, _url(pk))
            for pk, at, rows, seconds, state in reversed(latest)
        ]
    )


def _url(pk: int) -> str:
    return reverse("admin:lake_batchrun_change", args=[pk])
