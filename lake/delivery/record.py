"""The record of each download in the catalog (Export), from its start to its end.

A running export belongs to the process that sends it: what a former process left running has ended with it.
"""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from lake.delivery.manifest import iso_or_none, times
from lake.models import Export

KEPT = timedelta(days=30)
STARTED = datetime.now(UTC)  # of this process
UNKNOWN = {
    "truncated": None,
    "rows_hidden": None,
    "removed_since": None,
    **times(None),
}  # before the end, and of a broken one
AT_THE_END = ("nuls_replaced", *UNKNOWN)  # what a manifest has only then
PROCESS_GONE = "the process that sent it has ended"


class Asked(NamedTuple):
    """What was asked for and by whom, as digests: downloads of both may go on with each other's body."""

    question: str
    client: str


def start(manifest: dict[str, Any], asked: Asked, continues: str = "") -> Export:
    """A new row. Ends those of former processes, and deletes those that are older than KEPT."""
    Export.objects.filter(started_at__lt=datetime.now(UTC) - KEPT).delete()
    Export.objects.filter(started_at__lt=STARTED, state=Export.State.RUNNING).update(
        state=Export.State.BROKEN, error=PROCESS_GONE
    )
    return Export.objects.create(id=uuid.uuid4().hex, manifest=manifest, continues=continues, **asked._asdict())


def save_prefix(export: Export, size: int, sha256: str) -> None:
    """Before the last of these bytes is sent. Raises DatabaseError."""
    export.prefix_bytes, export.prefix_sha256 = size, sha256
    export.save(update_fields=["prefix_bytes", "prefix_sha256"])


def begun(asked: Asked, size: int, body: str) -> list[Export]:
    """The downloads of which a client may have the first `size` bytes, newest first. `body`: names the one; empty: the
    client does not say which, so that it is one that it did not get whole, if there is any."""
    kept = Export.objects.filter(
        question=asked.question, prefix_bytes__gte=size, started_at__gte=datetime.now(UTC) - KEPT
    )
    if body:
        return [export for export in kept if export.body == body]
    own = list(kept.filter(client=asked.client))
    whole = {export.body for export in own if export.state == Export.State.COMPLETE}
    return [export for export in own if export.body not in whole] or own


def initial_manifest(export: Export) -> dict[str, Any]:
    """As it was before the first row."""
    return {name: value for name, value in export.manifest.items() if name not in AT_THE_END}


def outcome(export: Export) -> tuple[str, str]:
    """Its state, and its error when it is broken."""
    if export.state == Export.State.RUNNING and export.started_at < STARTED:
        return Export.State.BROKEN, PROCESS_GONE
    return export.state, export.error


def find(export_id: str) -> Export | None:
    """None when there is none, or it is older than KEPT."""
    return Export.objects.filter(pk=export_id, started_at__gte=datetime.now(UTC) - KEPT).first()


def to_manifest(export: Export) -> dict[str, Any]:
    """The manifest after the download, as JSON."""
    state, error = outcome(export)
    manifest: dict[str, Any] = export.manifest
    return (
        UNKNOWN
        | manifest
        | {
            "id": export.pk,
            "continues": export.continues or None,
            "state": state,
            "error": error or None,
            "rows": export.rows,
            "bytes": export.bytes,
            "sha256": export.sha256 or None,
            "started_at": iso_or_none(export.started_at),
            "finished_at": iso_or_none(export.finished_at),
        }
    )
