"""Read-only pages of the journal of connections, and of where to resume."""

from django.contrib import admin
from django.utils import timezone

from ingest.models import Checkpoint, Connection
from ingest.read_only_admin import ReadOnlyAdmin
from process.instants import iso_us


@admin.register(Connection)
class ConnectionAdmin(ReadOnlyAdmin):
    list_display = ("opened_at", "host", "ended", "frames", "gap", "asked", "first", "last", "wire")
    list_filter = ("host", ("gap_seconds", admin.EmptyFieldListFilter), "opened_at", "wire")
    search_fields = ("host", "why_closed")
    date_hierarchy = "opened_at"

    @admin.display(description="ended", ordering="closed_at")
    def ended(self, row: Connection) -> str:
        """Also of a connection that a killed consumer has left."""
        end = row.end(timezone.now())
        return "open" if end is None else f"{end[0]:%Y-%m-%d %H:%M:%S}: {end[1]}"

    @admin.display(description="cursor asked", empty_value="live")
    def asked(self, row: Connection) -> int | None:
        return row.cursor_asked

    @admin.display(description="first received")
    def first(self, row: Connection) -> str | None:
        return None if row.first_received is None else iso_us(row.first_received)

    @admin.display(description="last received")
    def last(self, row: Connection) -> str | None:
        return None if row.last_received is None else iso_us(row.last_received)

    @admin.display(description="gap", ordering="gap_seconds", empty_value="none")
    def gap(self, row: Connection) -> str | None:
        return None if row.gap_seconds is None else f"{row.gap_seconds:,.1f} s"


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin):
    list_display = ("position", "time_us", "host", "seq", "saved_at")

    @admin.display(description="resume from")
    def position(self, row: Checkpoint) -> str:
        return iso_us(row.time_us)
