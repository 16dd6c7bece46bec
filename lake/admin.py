"""The catalog, to look at: what each batch did, what files there are, what must not show, what was asked for."""

from django.contrib import admin
from django.template.defaultfilters import filesizeformat

from ingest.process import iso
from ingest.readonly import ReadOnlyAdmin
from lake.models import BatchRun, DataFile, InactiveAccount, Request, Tombstone

ERROR_SHOWN = 100  # characters in the list; the batch's own page has all of it


@admin.register(BatchRun)
class BatchRunAdmin(ReadOnlyAdmin):
    list_display = (
        *("started_at", "state", "events", "written", "duplicates", "misfits", "took", "size_in", "size_out"),
        *("first_seen", "last_seen", "what_failed"),
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
    def what_failed(self, run: BatchRun) -> str:
        return run.error if len(run.error) <= ERROR_SHOWN else f"{run.error[:ERROR_SHOWN]}…"


@admin.register(DataFile)
class DataFileAdmin(ReadOnlyAdmin):
    list_display = ("path", "dataset", "hour", "rows", "size", "min_seen", "max_seen", "batch_id", "superseded_at")
    list_filter = ("dataset", ("superseded_at", admin.EmptyFieldListFilter), "hour")
    search_fields = ("path",)
    date_hierarchy = "hour"

    @admin.display(description="size", ordering="bytes")
    def size(self, file: DataFile) -> str:
        return filesizeformat(file.bytes)


@admin.register(Tombstone)
class TombstoneAdmin(ReadOnlyAdmin):
    """Millions of rows: searched by whole values, which the index finds."""

    list_display = ("did", "collection", "rkey", "rev", "seen")
    list_filter = ("seen",)
    search_fields = ("did__exact",)
    search_help_text = "a whole DID"


@admin.register(InactiveAccount)
class InactiveAccountAdmin(ReadOnlyAdmin):
    list_display = ("did", "status", "since", "seq")
    list_filter = ("status",)
    search_fields = ("did__exact",)
    search_help_text = "a whole DID"

    @admin.display(description="since", ordering="time_us")
    def since(self, account: InactiveAccount) -> str:
        return iso(account.time_us)


@admin.register(Request)
class RequestAdmin(ReadOnlyAdmin):
    list_display = ("asked_at", "kind", "asked_by", "state", "result")
    list_filter = ("kind", "state", "asked_at")
    list_select_related = ("asked_by",)
    date_hierarchy = "asked_at"
