"""The body of a download, in blocks. The digest of what is sent is in the catalog before it is sent: so a later request
can go on with a body that broke off, as far as what its client has is what would be sent today.
"""

import hashlib
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

import structlog
from django.db import DatabaseError

from lake.delivery import record
from lake.delivery.manifest import times
from lake.errors import LakeError
from lake.export.formats import chunks
from lake.export.stream import EncodedSlice, joined
from lake.models import Export

log = structlog.get_logger("export")

BLOCK_BYTES = 8 << 20
PROMPT_SECONDS = 0.25  # after the last block, what has come is sent, if it is not a whole one
CLIENT_GONE = "the client has gone"
Ended = Callable[[Export], None]


class Measured(NamedTuple):
    """A body that was made and not sent. `digests`: sha256 of its first bytes, by how many."""

    bytes: int
    digests: Mapping[int, str]


def measure(slices: Iterable[EncodedSlice], sizes: Collection[int]) -> Measured:
    """With the digests of all whole blocks, and of so many first bytes."""
    digest, made, digests = hashlib.sha256(), 0, {}
    for block in blocks(slices, prompt=False):
        begin, end = made, made + len(block)
        for stop in sorted({end, *(size for size in sizes if begin < size < end)}):
            digest.update(block[made - begin : stop - begin])
            digests[stop] = digest.hexdigest()
            made = stop
    return Measured(made, digests)


def blocks(slices: Iterable[EncodedSlice], prompt: bool) -> Iterator[bytes]:
    """Of BLOCK_BYTES, the last one of less. `prompt`: others too, which are not kept waiting."""
    pending, sent = bytearray(), 0.0
    for part in slices:
        pending += part.body
        while len(pending) >= BLOCK_BYTES or (
            pending and prompt and part.rows and time.monotonic() - sent > PROMPT_SECONDS
        ):
            yield bytes(pending[:BLOCK_BYTES])
            del pending[:BLOCK_BYTES]
            sent = time.monotonic()
    if pending:
        yield bytes(pending)


class BodyChanged(LakeError):
    """A row was deleted between two readings of the same body."""


class Download:
    """The body of an export, iterated once and then closed; it records the outcome. `begun`: slices that were taken
    from `file` already. `request`: its id, for the log. `facts`: what the manifest says of a file with so many rows.
    `ended`: is called once, with the outcome. `skip`: the first bytes that are not sent, of a body that was `measured`.
    Not a generator: one that is closed before its first byte would not notice it."""

    def __init__(
        self,
        export: Export,
        begun: Sequence[EncodedSlice],
        file: Generator[EncodedSlice, None, None],
        request: str,
        facts: Callable[[int], dict[str, Any]],
        ended: Ended,
        skip: int = 0,
        measured: Measured | None = None,
    ) -> None:
        self.export, self.skip, self.measured = export, skip, measured
        export.bytes = skip
        self._begun, self._file, self._request = iter(begun), file, request
        self._blocks = blocks(self._parts(), prompt=measured is None)
        self._pieces: Iterator[bytes] = iter(())
        self._digest, self._made = hashlib.sha256(), 0
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
                self._pieces = chunks(self._next_block())
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

    def _parts(self) -> Iterator[EncodedSlice]:
        while (part := next(self._begun, None) or next(self._file, None)) is not None:
            self.export.rows += part.rows
            self._nuls, self._ends = part.nuls, joined(self._ends, part.ends)
            yield part

    def _next_block(self) -> bytes:
        """What of it is to be sent. Raises StopIteration."""
        block = next(self._blocks)
        begin, self._made = self._made, self._made + len(block)
        self._digest.update(block)
        if self.measured and self.measured.digests.get(self._made) != self._digest.hexdigest():
            raise BodyChanged("A row was deleted while the rest of the file was read: ask again.")
        self._save_prefix()
        return block[max(0, self.skip - begin) :]

    def _save_prefix(self) -> None:
        """Without it the file is as good, and can't be gone on with from here."""
        try:
            record.save_prefix(self.export, self._made, self._digest.hexdigest())
        except DatabaseError:
            log.warning("how far an export is can't be recorded", export=self.export.pk, exc_info=True)

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
