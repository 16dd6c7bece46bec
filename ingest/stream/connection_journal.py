"""The journal of connections in the catalog. Writing it never holds the consumer up: a locked database costs a
log line, not an event."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Lock
from typing import Any

import structlog
from django.db import connection as database
from django.db import transaction
from django.db.utils import DatabaseError

from ingest.buffer.entries import Cursor
from ingest.models import Checkpoint, Connection

log = structlog.get_logger("connections")

BUSY_MS = 2000  # the last two saves, and what else there is to end, must fit into 10 s
UNSAVED_KEPT = 100  # connections, while the database is locked
WIRE = "v1"


def checkpoint() -> Cursor | None:
    """The cursor as of the last commit; before the first one, the time of the first event ever received."""
    if (row := Checkpoint.objects.first()) is not None:
        return Cursor(row.time_us, row.host, row.seq)
    received = Connection.objects.exclude(first_received=None).order_by("first_received")
    first = received.values_list("first_received", "host").first()
    return None if first is None or first[0] is None else Cursor(first[0], first[1])


class ConnectionJournal:
    """Saves Connection rows in a thread of its own. What can't be saved is kept, and tried again with the next."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "journal")
        self._lock = Lock()
        self._unsaved: list[Connection] = []
        self._asked = False  # a save waits for its turn in the thread
        self._row = Connection()

    def opened(self, host: str, cursor_asked: int | None) -> None:
        now = datetime.now(UTC)
        self._row = Connection(host=host[:255], wire=WIRE, cursor_asked=cursor_asked, opened_at=now, saved_at=now)
        self._save_soon()

    def progress(self, **changed: Any) -> None:
        """Notes these fields of the open connection."""
        self._row.saved_at = datetime.now(UTC)
        for name, value in changed.items():
            setattr(self._row, name, value)
        self._save_soon()

    def closed(self, why: str, **changed: Any) -> None:
        self.progress(closed_at=datetime.now(UTC), why_closed=why[:300], **changed)

    def finish(self) -> None:
        """Waits for the last save, at most two times BUSY_MS."""
        self._thread.submit(database.close)
        self._thread.shutdown()

    def _save_soon(self) -> None:
        with self._lock:
            if self._row not in self._unsaved:
                self._unsaved.append(self._row)
            if self._asked:
                return
            self._asked = True
        self._thread.submit(self._save)

    def _save(self) -> None:
        with self._lock:
            rows, self._unsaved, self._asked = self._unsaved, [], False
        try:
            _write(rows)
        except DatabaseError as error:
            log.warning("connections not recorded yet", rows=len(rows), error=str(error))
            with self._lock:
                self._unsaved = [*rows, *(row for row in self._unsaved if row not in rows)][-UNSAVED_KEPT:]


def _write(rows: list[Connection]) -> None:
    with database.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    with transaction.atomic():
        for row in rows:
            row.save()
