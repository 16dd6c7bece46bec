"""Admin pages of the catalog, read-only: batches, files, indexes, tombstones, accounts and exports. Editable are the
retention of a dataset, and requests for a flush or a compaction."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat

from ingest.read_only_admin import Admin, ReadOnlyAdmin
from lake.export import record
from lake.models import (
    BatchRun,
    CatalogIdentity,
    DataFile,
    Export,
    InactiveAccount,
    IndexFile,
    Request,
    Retention,
    Tombstone,
)
from lake.schema import DATASETS
from process.instants import iso_us

SHOWN_CHARACTERS = 100  # of an error or a query in a list; its own page shows all


@admin.register(BatchRun)
class BatchRunAdmin(ReadOnlyAdmin):
    list_display = (
        *("started_at", "state", "events", "written", "duplicates", "misfits", "took", "size_in", "size_out"),
        *("first_seen", "last_seen", "short_error"),
    )
    list_filter = ("state", "started_at")
    search_fields = ("error", "first_id", "last_id")
    date_hierarchy = "started_at"

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

    @admin.display(description="error")
    def short_error(self, run: BatchRun) -> str:
        return run.error if len(run.error) <= SHOWN_CHARACTERS else f"{run.error[:SHOWN_CHARACTERS]}…"


class _Sized(ReadOnlyAdmin):
    @admin.display(description="size", ordering="bytes")
    def size(self, file: DataFile | IndexFile | Export) -> str:
        return filesizeformat(file.bytes)


@admin.register(DataFile)
class DataFileAdmin(_Sized):
    list_display = ("path", "dataset", "hour", "rows", "size", "min_seen", "max_seen", "batch_id", "superseded_at")
    list_filter = ("dataset", ("superseded_at", admin.EmptyFieldListFilter), "hour")
    search_fields = ("path",)
    date_hierarchy = "hour"


@admin.register(IndexFile)
class IndexFileAdmin(_Sized):
    list_display = ("path", "start", "end", "rows", "size", "superseded_at")
    list_filter = (("superseded_at", admin.EmptyFieldListFilter),)
    search_fields = ("path",)
    date_hierarchy = "start"


@admin.register(Retention)
class RetentionAdmin(Admin):
    """Removes data: the compactor's next daily pass logs what would go, the pass after that removes it."""

    list_display = ("dataset", "days", "announced")
    readonly_fields = ("announced",)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("dataset", "announced") if obj else ("announced",)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name == "dataset":
            return forms.ChoiceField(choices=[(name, name) for name in DATASETS])
        if db_field.name == "days":
            return forms.IntegerField(min_value=1, max_value=36_500, required=False, help_text=db_field.help_text)
        return super().formfield_for_dbfield(db_field, request, **kwargs)


@admin.register(CatalogIdentity)
class CatalogIdentityAdmin(ReadOnlyAdmin):
    list_display = ("catalog", "flush", "compact")


@admin.register(Tombstone)
class TombstoneAdmin(ReadOnlyAdmin):
    """Millions of rows: only whole DIDs are searched for, with the help of an index."""

    list_display = ("did", "collection", "rkey", "rev", "deleted", "seen", "applied_at")
    list_filter = ("seen", ("applied_at", admin.EmptyFieldListFilter))
    search_fields = ("did__exact",)
    search_help_text = "a whole DID"


@admin.register(InactiveAccount)
class InactiveAccountAdmin(ReadOnlyAdmin):
    list_display = ("did", "status", "since", "seq", "applied_at")
    list_filter = ("status",)
    search_fields = ("did__exact",)
    search_help_text = "a whole DID"

    @admin.display(description="since", ordering="time_us")
    def since(self, account: InactiveAccount) -> str:
        return iso_us(account.time_us)


@admin.register(Export)
class ExportAdmin(_Sized):
    list_display = ("started_at", "id", "query", "format", "outcome", "rows", "size", "finished_at")
    list_filter = ("state", "started_at")
    search_fields = ("id", "sha256", "error")
    date_hierarchy = "started_at"

    @admin.display(description="query")
    def query(self, export: Export) -> str:
        return str(export.manifest.get("query", ""))[:SHOWN_CHARACTERS]

    @admin.display(description="format")
    def format(self, export: Export) -> str:
        return str(export.manifest.get("parameters", {}).get("format", ""))

    @admin.display(description="state", ordering="state")
    def outcome(self, export: Export) -> str:
        return ": ".join(filter(None, record.outcome(export)))


@admin.register(Request)
class RequestAdmin(ReadOnlyAdmin):
    list_display = ("asked_at", "kind", "asked_by", "state", "result")
    list_filter = ("kind", "state", "asked_at")
    list_select_related = ("asked_by",)
    date_hierarchy = "asked_at"
    fields = ("kind", "asked_by", "asked_at", "state", "result")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.fields if obj else ("kind",)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """ReadOnlyAdmin denies it. The flusher or the compactor starts on a request within 2 s."""
        return request.user.has_perm("lake.add_request")

    def save_model(self, request: HttpRequest, obj: Request, form: Any, change: bool) -> None:
        obj.asked_by_id = request.user.pk
        super().save_model(request, obj, form, change)
