"""The journal of connections in the catalog. A locked database costs a log line, and never delays the consumer."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Lock

import structlog
from django.db import connection as database
from django.db import transaction
from django.db.models import F
from django.db.utils import DatabaseError

from ingest.buffer.entries import Cursor
from ingest.models import ABANDONED, Checkpoint, Connection

log = structlog.get_logger("connections")

BUSY_MS = 2000  # the last two saves, and all else that a stop takes, must fit into 10 s
UNSAVED_KEPT = 100  # connections, while the database is locked


def checkpoint() -> Cursor | None:
    """The cursor as of the last commit; before the first commit, the time of the first event ever received."""
    if (row := Checkpoint.objects.first()) is not None:
        return Cursor(row.time_us, row.host, row.seq)
    received = Connection.objects.exclude(first_received=None).order_by("first_received")
    first = received.values_list("first_received", "host").first()
    return None if first is None or first[0] is None else Cursor(first[0], first[1])


class ConnectionJournal:
    """Saves rows in a thread of its own. Rows that can't be saved are tried again together with the next one."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "journal")
        self._lock = Lock()
        self._unsaved: list[Connection] = []
        self._scheduled = False
        self._abandoned = False

    def begin(self) -> None:
        """Closes soon, and before any save, what a killed consumer left open."""
        self._abandoned = True
        self._schedule()

    def save(self, row: Connection) -> None:
        """Saves the row soon, as it is then; returns at once."""
        row.saved_at = datetime.now(UTC)
        with self._lock:
            if row not in self._unsaved:
                self._unsaved.append(row)
        self._schedule()

    def _schedule(self) -> None:
        with self._lock:
            if self._scheduled:
                return
            self._scheduled = True
        self._thread.submit(self._save)

    def finish(self) -> None:
        """Waits for the last save: at most twice BUSY_MS."""
        self._thread.submit(database.close)
        self._thread.shutdown()

    def _save(self) -> None:
        with self._lock:
            rows, self._unsaved, self._scheduled = self._unsaved, [], False
        try:
            _write(rows, self._abandoned)
            self._abandoned = False
        except DatabaseError as error:
            log.warning("connections not recorded yet", rows=len(rows), error=str(error))
            with self._lock:
                self._unsaved = [*rows, *(row for row in self._unsaved if row not in rows)][-UNSAVED_KEPT:]


def _write(rows: list[Connection], abandoned: bool) -> None:
    """`abandoned`: also closes what is open in the catalog."""
    with database.cursor() as cursor:
        cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    with transaction.atomic():
        if abandoned:
            Connection.objects.filter(closed_at=None).update(closed_at=F("saved_at"), why_closed=ABANDONED)
        for row in rows:
            row.save()
