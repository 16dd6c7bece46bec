"""Fills the store of handles: follows the buffer, and asks the AppView about the accounts in the queue.

It reads the buffer from a position of its own and changes nothing there. Entries that the flusher trims before they are
read are no loss: an author who posts again is seen again, and one on a page is queued first.
"""

import time
from collections.abc import Callable

import structlog

from ingest.buffer.redis_stream import Buffer, BufferUnavailable
from ingest.handles.appview import BATCH, AppView, HandleServiceDown, Refused
from ingest.handles.lookup import STALE_US
from ingest.handles.sightings import Sightings, collect
from ingest.handles.store import ASKED, FIRST, Claim, Store
from process.instants import now_us

log = structlog.get_logger("resolve_handles")

READ = 128  # entries per reply: 256 MB of the largest possible frames
READS = 64  # replies per step
READ_BYTES = 16 << 20  # per step
NEWEST = b"+"
CONFIRM_US = 60_000_000  # delay before a change is confirmed: the AppView follows the same stream, sometimes later
MAX_DELAY = 5.0


class Resolver:
    """`appview`: None to follow the buffer only. `stopping`: checked between replies of Redis.

    Counts since its start: `read` events, `learned` handles from them, `asked` accounts answered by the AppView.
    Raises the store's sqlite3.Error."""

    def __init__(self, store: Store, buffer: Buffer, appview: AppView | None, stopping: Callable[[], bool]) -> None:
        self._store, self._buffer, self._appview, self._stopping = store, buffer, appview, stopping
        self._after: bytes | None = None
        self._connected = False
        self._connect_at, self._delay = 0.0, 0.5
        self._batch = BATCH
        self.read = self.learned = self.asked = 0
        self._redis_failures = self._appview_failures = 0

    def follow(self) -> bool:
        """Reads one step of the buffer; whether there is more. Raises BufferUnsafe."""
        if time.monotonic() < self._connect_at:
            return False
        try:
            if not self._connected:
                self._buffer.connect()
                self._connected, self._after = True, None  # Redis may have lost entries, and reuse their ids
            more = self._follow()
        except BufferUnavailable as error:
            log.warning("Redis is away: waiting", error=str(error), seconds=self._delay)
            self._connected, self._connect_at = False, time.monotonic() + self._delay
            self._delay = min(MAX_DELAY, self._delay * 2)
            self._redis_failures += 1
            return False
        self._delay, self._redis_failures = 0.5, 0
        return more

    def ask(self) -> bool:
        """One call about the head of the queue, if a call is allowed now; whether any account was due."""
        if self._appview is None or self._appview.wait_seconds > 0:
            return False
        now = now_us()
        dids = self._store.due(now, self._batch) or self._store.stale(now - STALE_US, self._batch)
        if not dids:
            return False
        try:
            self._answered(dids, self._appview.handles(dids), now)
            self._appview_failures = 0
        except Refused:
            self._halve(dids, now)
        except HandleServiceDown as error:
            self._appview_failures += 1
            log.warning("no handles now", why=str(error), seconds=round(self._appview.wait_seconds, 1))
        self._count(self._appview)
        return True

    def refresh(self, account: str) -> tuple[str, str | None] | None:
        """Asks about one account now, by DID or handle. Its DID and handle, or None if there is no such account.
        Raises HandleServiceDown, and Refused, also when no AppView is asked."""
        if self._appview is None:
            raise Refused("APPVIEW_URL is empty, so nobody is asked")
        now = now_us()
        try:
            did = account if account.startswith("did:") else self._appview.did(account)
            if did is None:
                return None
            self._answered([did], self._appview.handles([did]), now)
        finally:
            self._count(self._appview)
        return did, self._store.names([did]).get(did)

    @property
    def failures(self) -> int:
        """In a row, of Redis or of the AppView, whichever has more."""
        return max(self._redis_failures, self._appview_failures)

    @property
    def appview_failures(self) -> int:
        """Calls in a row that were not answered."""
        return self._appview_failures

    @property
    def idle_seconds(self) -> float:
        """Until the AppView may be called again."""
        return 0.0 if self._appview is None else self._appview.wait_seconds

    def _follow(self) -> bool:
        found, size, count = Sightings(), 0, READ
        for _ in range(READS):
            if self._stopping() or size >= READ_BYTES or count < READ:
                break
            entries = self._buffer.read(self._after, NEWEST, READ, READ_BYTES)
            collect(entries.frames, now_us(), found)
            count, size = len(entries), size + sum(map(len, entries.frames))
            self.read += count
            if entries:
                self._after = entries.ids[-1]
        self._note(found)
        return count == READ

    def _note(self, found: Sightings) -> None:
        if not (found.authors or found.claims or found.changed):
            return
        now = now_us()
        with self._store.transaction():
            changed = self._store.known_before(found.changed) if self._appview else []
            losers = self._store.claim(found.claims)
            if self._appview:
                self._store.wait([*changed, *losers], FIRST, now + CONFIRM_US)
                self._store.wait_if_new(found.authors, now)
        self.learned += len(found.claims)

    def _answered(self, dids: list[str], handles: dict[str, str], asked_at: int) -> None:
        """Accounts missing from the answer have no handle now: gone, hidden, or with one that does not resolve back."""
        self._batch = BATCH
        self.asked += len(dids)
        with self._store.transaction():
            losers = self._store.claim(Claim(did, handles.get(did), asked_at) for did in dids)
            self._store.answered(dids)
            self._store.count({ASKED: len(dids)})
            self._store.wait(losers, FIRST, asked_at + CONFIRM_US)

    def _halve(self, dids: list[str], now: int) -> None:
        """The AppView rejects a whole batch for one account: smaller batches find out which."""
        self._batch = max(1, len(dids) // 2)
        if len(dids) == 1:
            self._batch = BATCH
            log.warning("the AppView rejects this account", did=dids[0])
            with self._store.transaction():
                self._store.leave(dids[0], now)
                self._store.answered(dids)

    def _count(self, appview: AppView) -> None:
        with self._store.transaction():
            self._store.count(appview.take_calls())
