"""The journal of connections in the catalog. Writing it never holds the consumer up: a locked database costs a
log line, not an event."""

from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import structlog
from django.db import connection as database
from django.db.utils import DatabaseError

from ingest.buffer import Cursor
from ingest.models import Checkpoint, Connection

log = structlog.get_logger("connections")

BUSY_MS = 5000  # below the 10 s in which the consumer must be able to stop
WIRE = "v1"


def checkpoint() -> Cursor | None:
    """The cursor as of the last commit; before the first one, the time of the first event ever received."""
    if (row := Checkpoint.objects.first()) is not None:
        return Cursor(row.time_us, row.host, row.seq)
    first = Connection.objects.exclude(first_received=None).order_by("first_received").first()
    return None if first is None else Cursor(first.first_received, first.host)


class Journal:
    """Saves Connection rows in a thread of its own, in order."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "journal")
        self._latest: Future[None] | None = None
        self._row = Connection()

    def opened(self, host: str, cursor_asked: int | None) -> None:
        now = datetime.now(UTC)
        self._row = Connection(host=host, wire=WIRE, cursor_asked=cursor_asked, opened_at=now, saved_at=now)
        self._submit()

    def progress(self, **changed: Any) -> None:
        """Notes the fields and saves them, unless the save before still waits for the database."""
        self._note(changed)
        if self._latest is None or self._latest.done():
            self._submit()

    def closed(self, why: str, **changed: Any) -> None:
        self._note({**changed, "closed_at": datetime.now(UTC), "why_closed": why[:300]})
        self._submit()

    def finish(self) -> None:
        """Waits for what is still to be saved."""
        self._thread.shutdown()

    def _note(self, changed: dict[str, Any]) -> None:
        self._row.saved_at = datetime.now(UTC)
        for name, value in changed.items():
            setattr(self._row, name, value)

    def _submit(self) -> None:
        self._latest = self._thread.submit(_save, self._row)


def _save(row: Connection) -> None:
    try:
        with database.cursor() as cursor:
            cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        row.save()
    except DatabaseError as error:
        log.warning("connection not recorded", host=row.host, error=str(error))
