"""Admin pages of the catalog, read-only: batches, files, indexes, tombstones, accounts and exports. Editable are the
retention of a dataset, and requests to the processes."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.http import HttpRequest

from ingest.read_only_admin import ReadOnlyAdmin
from lake.adminpages.batches import BatchRunAdmin
from lake.adminpages.changes import LogAdmin, LoggedAdmin
from lake.adminpages.files import DataFileAdmin, IndexFileAdmin, Sized
from lake.adminpages.requests import RequestAdmin
from lake.delivery import record
from lake.label_models import LabelImport, WaitingLabel
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
from lake.withheld_models import SignedInOnlyAccount
from process.instants import iso_us

SHOWN_CHARACTERS = 100  # of a query in a list; its own page shows all

admin.site.register(BatchRun, BatchRunAdmin)
admin.site.register(DataFile, DataFileAdmin)
admin.site.register(IndexFile, IndexFileAdmin)
admin.site.register(Request, RequestAdmin)
admin.site.register(LogEntry, LogAdmin)


@admin.register(Retention)
class RetentionAdmin(LoggedAdmin):
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
    list_display = ("catalog", "flush", "compact", "label")


@admin.register(LabelImport)
class LabelImportAdmin(ReadOnlyAdmin):
    list_display = ("started_at", "name", "model", "rows", "joined", "folded", "waiting", "wrong", "finished_at")
    list_filter = (("finished_at", admin.EmptyFieldListFilter),)
    search_fields = ("name", "sha256")


@admin.register(WaitingLabel)
class WaitingLabelAdmin(ReadOnlyAdmin):
    """Perhaps a million rows: only whole DIDs are searched for."""

    list_display = ("received_at", "did", "rkey", "name", "score", "model", "version", "unknown_at")
    list_filter = (("unknown_at", admin.EmptyFieldListFilter),)
    ordering = ("-pk",)
    search_fields = ("did__exact",)
    search_help_text = "a whole DID"


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


@admin.register(SignedInOnlyAccount)
class SignedInOnlyAccountAdmin(ReadOnlyAdmin):
    """Accounts whose profile asks to be shown only to readers who have signed in, and those that no longer do."""

    list_display = ("did", "asks", "rev", "learned_at")
    list_filter = ("asks",)
    search_fields = ("did__exact",)
    search_help_text = "a whole DID"


@admin.register(Export)
class ExportAdmin(Sized):
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
