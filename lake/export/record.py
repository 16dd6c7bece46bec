"""The record of each download in the catalog (Export), from its start to its end.

A running export belongs to the process that sends it: what a former process left running has ended with it.
"""

import hashlib
import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import structlog
from django.db import DatabaseError

from lake.export.formats import chunks
from lake.export.manifest import iso_or_none, times
from lake.export.stream import EncodedSlice, joined
from lake.models import Export

log = structlog.get_logger("export")

KEPT = timedelta(days=30)
STARTED = datetime.now(UTC)  # of this process
UNKNOWN = {
    "truncated": None,
    "rows_hidden": None,
    "removed_since": None,
    **times(None),
}  # before the end, and of a broken one
Ended = Callable[[Export], None]
CLIENT_GONE = "the client has gone"
PROCESS_GONE = "the process that sent it has ended"


def start(manifest: dict[str, Any]) -> Export:
    """A new row. Ends those of former processes, and deletes those that are older than KEPT."""
    Export.objects.filter(started_at__lt=datetime.now(UTC) - KEPT).delete()
    Export.objects.filter(started_at__lt=STARTED, state=Export.State.RUNNING).update(
        state=Export.State.BROKEN, error=PROCESS_GONE
    )
    return Export.objects.create(id=uuid.uuid4().hex, manifest=manifest)


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
            "state": state,
            "error": error or None,
            "rows": export.rows,
            "bytes": export.bytes,
            "sha256": export.sha256 or None,
            "started_at": iso_or_none(export.started_at),
            "finished_at": iso_or_none(export.finished_at),
        }
    )


class Download:
    """The body of an export, iterated once and then closed; it records the outcome. `begun`: slices that were taken
    from `file` already. `request`: its id, for the log. `facts`: what the manifest says of a file with so many rows.
    `ended`: is called once, with the outcome.
    Not a generator: one that is closed before its first byte would not notice it."""

    def __init__(
        self,
        export: Export,
        begun: Sequence[EncodedSlice],
        file: Generator[EncodedSlice, None, None],
        digest: "hashlib._Hash",
        request: str,
        facts: Callable[[int], dict[str, Any]],
        ended: Ended,
    ) -> None:
        self.export = export
        self._file, self._digest, self._request = file, digest, request
        self._begun = iter(begun)
        self._pieces: Iterator[bytes] = iter(())
        self._nuls = 0
        self._ends: tuple[int, int] | None = None
        self._facts, self._ended = facts, ended

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        """Raises what breaks the export: the web server then breaks the connection, so that a part is never taken for
        the whole."""
        try:
            while (piece := next(self._pieces, None)) is None:
                self._next_part()
        except StopIteration:
            self._end(Export.State.COMPLETE)
            raise
        except Exception as error:
            log.exception("export broken", export=self.export.pk, request_id=self._request)
            self._end(Export.State.BROKEN, str(error))
            raise
        self.export.bytes += len(piece)
        return piece

    def close(self) -> None:
        self._file.close()
        self._end(Export.State.BROKEN, CLIENT_GONE)

    def _next_part(self) -> None:
        part = next(self._begun, None) or next(self._file)
        self.export.rows += part.rows
        self._nuls, self._ends = part.nuls, joined(self._ends, part.ends)
        self._pieces = chunks(part.body)

    def _end(self, state: Export.State, error: str = "") -> None:
        """Idempotent: only the first outcome counts."""
        export = self.export
        if export.state != Export.State.RUNNING:
            return
        export.state, export.error, export.finished_at = state, error[:1000], datetime.now(UTC)
        export.manifest |= {"nuls_replaced": self._nuls, **times(self._ends)}
        if state == Export.State.COMPLETE:
            with suppress(DatabaseError):  # the file is whole, whatever the catalog can say of the rest
                export.manifest |= self._facts(export.rows)
            export.sha256 = self._digest.hexdigest()
        self._ended(export)
        log.info("export", export=export.pk, request_id=self._request, rows=export.rows, outcome=error or state.value)
        try:
            export.save()
        except DatabaseError:  # the manifest will say that the process has ended
            log.exception("the end of an export is not recorded", export=export.pk)
