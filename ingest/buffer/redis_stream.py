"""The buffer: the Redis stream between the consumer and the flusher.

A Buffer is one connection and never reconnects by itself: Redis may come back with fewer entries, so its user must
decide again where to resume. After BufferUnavailable call `connect()`.
"""

import socket
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import redis
import redis.connection
from django.core.management.base import CommandError

from ingest.buffer import commands
from ingest.buffer.commands import CURSOR, DEAD_LETTERS, STREAM, TOTALS
from ingest.buffer.entries import BufferState, Cursor, DeadLetter, Entries, Totals, arrival_ms
from ingest.events import Drop, DropReason, Event

READ_STEP = 256  # entries per reply: frames may be 2 MB, so a reply stays below 512 MB
_REFUSES_WRITES = ("MISCONF", "READONLY")  # its disk is full or broken; it is a replica
TIMEOUT_SECONDS = 30  # longer than Redis stalls for an AOF fsync on a busy disk


class BufferUnavailable(Exception):
    """Redis can't be reached, or is still loading its data. Wait, then connect again."""


class BufferFull(Exception):
    """Redis is at its maxmemory and refused the append: none of it was stored."""


class BufferUnsafe(CommandError):
    """Redis is configured so that it may lose entries. A command that it leaves ends with its sentence."""

    component = "buffer"


class Buffer:
    """`timeout`: seconds that Redis may take for one reply."""

    def __init__(self, url: str, timeout: float = TIMEOUT_SECONDS) -> None:
        self._pool = redis.ConnectionPool.from_url(
            url, socket_timeout=timeout, socket_connect_timeout=min(5, timeout), protocol=2
        )
        self._connection: Any = None

    def connect(self) -> "Buffer":
        """Opens the connection. Raises BufferUnavailable, and BufferUnsafe when Redis evicts or has no maxmemory."""
        self.close()
        with self._unavailable():
            connection = self._pool.make_connection()
            connection.connect()  # type: ignore[no-untyped-call]
        self._connection = connection
        self._refuse_unsafe(self._memory())
        self._refuse_strange()
        return self

    def close(self) -> None:
        if self._connection is not None:
            self._connection.disconnect()
        self._connection = None

    def hang_up(self) -> None:
        """Called from another thread: the call that is waiting for Redis raises BufferUnavailable."""
        opened = getattr(self._connection, "_sock", None)
        if opened is not None:
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)

    def append(self, events: Sequence[tuple[Event, Cursor]], drops: Sequence[Drop], cursor: Cursor | None) -> float:
        """Stores events, dead letters, the cursor after them and their totals in one transaction.

        Returns how full Redis is afterwards (0 to 1). Raises BufferFull or BufferUnavailable: nothing was stored, or,
        if the connection broke while waiting for the reply, all of it."""
        packed = [commands.command(b"MULTI")]
        packed += [commands.append_event(event.frame, after.encode()) for event, after in events]
        packed += [commands.dead_letter(drop) for drop in drops]
        packed += commands.add_totals(len(events) + len(drops), drops)
        if cursor is not None:
            packed.append(commands.command(b"SET", CURSOR.encode(), cursor.encode()))
        self._execute(packed, after=commands.WATCH)
        return self.fill()

    def fill(self) -> float:
        """How full Redis is, from 0 to 1."""
        memory = self._memory()
        return float(memory["used_memory"]) / max(1, int(memory["maxmemory"]))

    def cursor(self) -> Cursor | None:
        """The position after the newest event ever appended; None when Redis is new or has lost everything.

        From here on `append` raises BufferUnavailable if anything else changes it: a FLUSHALL, or a second consumer."""
        self._call("WATCH", CURSOR)
        text = self._call("GET", CURSOR)
        return None if text is None else Cursor.decode(text)

    def newest_id(self) -> bytes | None:
        """The id of the newest entry; None when the buffer is empty."""
        reply = self._call("XREVRANGE", STREAM, "+", "-", "COUNT", 1)
        return reply[0][0] if reply else None

    def read(self, after: bytes | None, until: bytes, max_entries: int, max_bytes: int) -> Entries:
        """The entries after id `after` (None: from the first one) up to id `until`, inclusive.

        At most `max_entries`; stops once their frames exceed `max_bytes`, which one reply of READ_STEP may overshoot.
        """
        ids: list[bytes] = []
        frames: list[bytes] = []
        cursors: list[bytes] = []
        start, size = b"-" if after is None else b"(" + after, 0
        while size < max_bytes and (step := min(READ_STEP, max_entries - len(ids))):
            reply = self._call("XRANGE", STREAM, start, until, "COUNT", step)
            for id_, (_, frame, _, cursor) in reply:
                ids.append(id_)
                frames.append(frame)
                cursors.append(cursor)
                size += len(frame)
            if len(reply) < step:
                break
            start = b"(" + ids[-1]
        return Entries(ids, frames, cursors)

    def trim(self, last_id: bytes) -> int:
        """Removes the entries up to `last_id`, inclusive; how many. Valid on the connection that read them: after a
        reconnect Redis may hold unread entries with smaller ids."""
        milliseconds, number = last_id.split(b"-")
        return int(self._call("XTRIM", STREAM, "MINID", b"%b-%d" % (milliseconds, int(number) + 1)))

    def set_aside(self, drops: Iterable[Drop]) -> None:
        """Adds dead letters for events that are counted as received already."""
        kept = list(drops)
        totals = commands.add_totals(0, kept)
        self._execute([commands.command(b"MULTI"), *map(commands.dead_letter, kept), *totals])

    def dead_letters(self) -> list[DeadLetter]:
        """Oldest first."""
        reply = self._call("XRANGE", DEAD_LETTERS, "-", "+")
        return [DeadLetter(id_, f[1].decode(), int(f[3]), f[5].decode(), f[7]) for id_, f in reply]

    def replay(self, letters: Iterable[DeadLetter]) -> int:
        """Moves dead letters, whose heads must be whole frames of events, to the end of the stream in one step.

        Returns how many: those that are gone are skipped. The entries carry the present cursor, which stays. A full
        Redis accepts it, as no more is added than removed. Raises BufferUnavailable: nothing was moved, or, if the
        connection broke while waiting for the reply, all."""
        moved = [word for letter in letters for word in (letter.id, letter.head)]
        keys = (STREAM, DEAD_LETTERS, CURSOR)
        return int(self._call("EVAL", commands.REPLAY, len(keys), *keys, Cursor(0).encode(), *moved))

    def totals(self) -> Totals:
        reply = self._call("HGETALL", TOTALS)
        counts = dict(zip(reply[::2], map(int, reply[1::2]), strict=True))
        dropped = {str(reason): counts.get(f"dropped:{reason}".encode(), 0) for reason in DropReason}
        return Totals(counts.get(b"received", 0), dropped)

    def depth(self) -> int:
        return int(self._call("XLEN", STREAM))

    def state(self) -> BufferState:
        memory = self._memory()
        first = self._call("XRANGE", STREAM, "-", "+", "COUNT", 1)
        last = self._call("XREVRANGE", STREAM, "+", "-", "COUNT", 1)
        return BufferState(
            depth=self.depth(),
            dead_letters=int(self._call("XLEN", DEAD_LETTERS)),
            memory=int(memory["used_memory"]),
            max_memory=int(memory["maxmemory"]),
            oldest_ms=arrival_ms(first[0][0]) if first else None,
            newest_ms=arrival_ms(last[0][0]) if last else None,
        )

    def _memory(self) -> dict[str, str]:
        text: bytes = self._call("INFO", "memory")
        return dict(line.split(":", 1) for line in text.decode().splitlines() if ":" in line)

    @staticmethod
    def _refuse_unsafe(memory: dict[str, str]) -> None:
        if int(memory["maxmemory"]) == 0:
            raise BufferUnsafe(
                "Redis has no maxmemory: set one (deploy/redis.conf does), else it takes the whole machine."
            )
        if (policy := memory["maxmemory_policy"]) != "noeviction":
            raise BufferUnsafe(
                f"Redis has maxmemory-policy {policy}: set noeviction (deploy/redis.conf does), else it drops events."
            )

    def _refuse_strange(self) -> None:
        """A key of another type would fail inside a transaction: the cursor would advance without the events."""
        for key, expected in ((STREAM, b"stream"), (DEAD_LETTERS, b"stream"), (TOTALS, b"hash"), (CURSOR, b"string")):
            if (found := self._call("TYPE", key)) not in (expected, b"none"):
                raise BufferUnsafe(
                    f"Redis holds a {found.decode()} named {key} that is not ours: "
                    "set REDIS_URL to a database of its own."
                )

    def _call(self, *command: Any) -> Any:
        with self._unavailable():
            self._live().send_command(*command)
            return self._live().read_response()

    def _execute(self, packed: list[bytes], after: bytes = b"") -> None:
        """Runs one transaction, then the command `after`. `packed` begins with MULTI; EXEC is added."""
        with self._unavailable():
            self._live().send_packed_command([b"".join([*packed, commands.command(b"EXEC"), after])])
            replies = [self._reply() for _ in packed]
            replies.append(done := self._reply())
            if after:
                self._reply()
            if done is None:
                raise redis.exceptions.ConnectionError("the cursor has changed: Redis has lost data")
            _raise_first_error([*replies, *(done if isinstance(done, list) else ())])

    def _reply(self) -> Any:
        try:
            return self._live().read_response()
        except redis.exceptions.ResponseError as error:
            return error  # all replies of a transaction must be read, errors too

    def _live(self) -> Any:
        if self._connection is None:
            raise BufferUnavailable("not connected to Redis")
        return self._connection

    @contextmanager
    def _unavailable(self) -> Iterator[None]:
        try:
            yield
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError, OSError) as error:
            self.close()
            raise BufferUnavailable(str(error)) from error
        except redis.exceptions.ResponseError as error:
            if str(error).startswith(_REFUSES_WRITES):
                raise BufferUnavailable(f"Redis refuses to write: {error}") from error
            raise
        except BaseException as error:
            # the rest of a reply would be read as the next one: only an error reply leaves the connection usable
            if not isinstance(error, BufferUnavailable | BufferFull):
                self.close()
            raise


def _raise_first_error(replies: list[Any]) -> None:
    """Redis refuses a transaction as a whole when it is full or can't write to its disk."""
    error = next((reply for reply in replies if isinstance(reply, redis.exceptions.ResponseError)), None)
    if isinstance(error, redis.exceptions.OutOfMemoryError):
        raise BufferFull("Redis is at its maxmemory.")
    if error is not None:
        raise error
