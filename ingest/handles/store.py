"""The known handles, in an SQLite file of their own: a cache, filled again if it is lost.

Two maps, in which the newest claim wins: from a DID to its handle, and from a handle to its DID. A handle is known
while both agree. Times are microseconds since 1970. Everything here raises sqlite3.Error.
"""

import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import quote

import msgspec

from ingest.handles.tables import LEARNED, SCHEMA

ASKED = "asked"  # the tally of accounts about which the AppView has answered
FIRST, LATER = 0, 1  # ranks in the queue: on a page, or changed; newly seen
LONGEST_DID = 256  # the protocol allows 2,048; none so long exists, and 25 of them must fit into one URL
MAX_WAITING = 1_000_000  # accounts in the queue, 80 MB; one without room is seen again


class Claim(NamedTuple):
    """The DID has this handle, in its normal form, since `at`; None: it has none."""

    did: str
    handle: str | None
    at: int


class Figures(NamedTuple):
    """`known`: accounts with a handle. `waiting`: accounts in the queue, `oldest`: since when the first of them waits.
    `asked`: accounts about which the AppView has answered. `calls`: to it, by outcome."""

    known: int
    waiting: int
    oldest: int | None
    asked: int
    calls: dict[str, int]


class Store:
    """Thread-safe: each thread has a connection of its own. `timeout`: seconds to wait for a lock."""

    def __init__(self, path: Path, timeout: float) -> None:
        self._path, self._timeout = path, timeout
        self._local = threading.local()

    def create(self) -> Self:
        """Creates the file and its tables if they are missing."""
        with closing(sqlite3.connect(self._path, timeout=self._timeout, isolation_level=None)) as database:
            database.executescript(SCHEMA)
            if "learned" not in {name for _, name, *_ in database.execute("PRAGMA table_info(account)")}:
                database.execute("ALTER TABLE account ADD COLUMN learned INTEGER")
            database.executescript(LEARNED)
        return self

    def create_if_missing(self) -> None:
        if not self._path.exists():
            self.create()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        self._run("BEGIN IMMEDIATE")
        try:
            yield
            self._run("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):  # SQLite may have rolled back itself
                self._run("ROLLBACK")
            raise

    # --- reading ---

    def names(self, dids: Sequence[str]) -> dict[str, str]:
        """The known handles, by DID."""
        return dict(
            self._run(
                "SELECT did, handle FROM account WHERE handle IS NOT NULL AND did IN (SELECT value FROM json_each(?))",
                _json(dids),
            )
        )

    def names_until(self, dids: Sequence[str], us: int) -> dict[str, str]:
        """Those that were known then."""
        return dict(
            self._run(
                "SELECT did, handle FROM account WHERE handle IS NOT NULL AND did IN (SELECT value FROM json_each(?)) "
                "AND coalesce(learned, 0) <= ?",
                *(_json(dids), us),
            )
        )

    def did_of(self, handle: str) -> str | None:
        """The DID with this handle, which is in its normal form."""
        row = self._run(
            "SELECT did FROM claim JOIN account USING (did) WHERE claim.handle = ? AND account.handle = claim.handle",
            handle,
        ).fetchone()
        return None if row is None else row[0]

    def dids(self, handles: Sequence[str]) -> dict[str, str]:
        """The same of many, by handle."""
        asked = "json_each(?) AS asked CROSS JOIN claim ON claim.handle = asked.value JOIN account USING (did)"
        sql = f"SELECT claim.handle, did FROM {asked} WHERE account.handle = claim.handle"  # noqa: S608 - our own text
        return dict(self._run(sql, _json(handles)))

    def fresh(self, dids: Sequence[str], since: int) -> set[str]:
        """Those confirmed since then, and those at the head of the queue anyway."""
        asked = _json(dids)
        return set(
            self._dids(
                "SELECT did FROM account WHERE at >= ? AND did IN (SELECT value FROM json_each(?)) UNION ALL "
                "SELECT did FROM waiting WHERE rank = 0 AND did IN (SELECT value FROM json_each(?))",
                *(since, asked, asked),
            )
        )

    def due(self, now: int, count: int) -> list[str]:
        """The first `count` accounts of the queue that may be asked about now."""
        return self._dids("SELECT did FROM waiting WHERE at <= ? ORDER BY rank, at LIMIT ?", now, count)

    def stale(self, before: int, count: int) -> list[str]:
        """`count` accounts that were last confirmed before that time, the oldest first."""
        return self._dids("SELECT did FROM account WHERE at < ? ORDER BY at LIMIT ?", before, count)

    def figures(self) -> Figures:
        tallies: dict[str, int] = dict(self._run("SELECT name, number FROM tally"))
        oldest = [
            at
            for rank in (FIRST, LATER)
            for (at,) in self._run("SELECT min(at) FROM waiting WHERE rank = ?", rank)
            if at is not None
        ]
        known, waiting, asked = (tallies.pop(name, 0) for name in ("known", "waiting", ASKED))
        return Figures(known, waiting, min(oldest, default=None), asked, tallies)

    # --- writing: each method within a transaction ---

    def claim(self, claims: Iterable[Claim]) -> list[str]:
        """Records claims, which may come in any order of time. Returns the DIDs that lost their handle to another."""
        return [loser for claim in claims if (loser := self._claim(claim))]

    def wait(self, dids: Iterable[str], rank: int, at: int) -> None:
        """Queues them, to be asked from `at` on, if there is room. One that is queued already moves up at most."""
        if self._room():
            self._run(
                "INSERT INTO waiting SELECT value, ?, ? FROM json_each(?) WHERE true ON CONFLICT DO UPDATE "
                "SET rank = min(rank, excluded.rank), at = min(at, excluded.at)",
                *(rank, at, _json(list(dids))),
            )

    def wait_if_new(self, dids: Iterable[str], at: int) -> None:
        """Queues those of which nothing is known yet."""
        if self._room():
            self._run(
                "INSERT OR IGNORE INTO waiting SELECT value, ?, ? FROM json_each(?) "
                "WHERE NOT EXISTS (SELECT 1 FROM account WHERE did = value)",
                *(LATER, at, _json(list(dids))),
            )

    def known_before(self, changes: Mapping[str, int]) -> list[str]:
        """Those of these DIDs that were last confirmed before the time given with them."""
        rows = self._run("SELECT did, at FROM account WHERE did IN (SELECT value FROM json_each(?))", _json([*changes]))
        return [did for did, at in rows if at < changes[did]]

    def answered(self, dids: Sequence[str]) -> None:
        """Removes them from the queue."""
        self._run("DELETE FROM waiting WHERE did IN (SELECT value FROM json_each(?))", _json(dids))

    def leave(self, did: str, at: int) -> None:
        """Keeps what is known of the account as if confirmed now: nothing more can be learned."""
        self._run("INSERT INTO account (did, at) VALUES (?, ?) ON CONFLICT DO UPDATE SET at = excluded.at", did, at)

    def count(self, tallies: Mapping[str, int]) -> None:
        """Calls by their outcome, and ASKED."""
        for name, number in tallies.items():
            self._run(
                "INSERT INTO tally VALUES (?, ?) ON CONFLICT DO UPDATE SET number = number + excluded.number",
                *(name, number),
            )

    def _claim(self, claim: Claim) -> str | None:
        holder, loser = (None, None) if claim.handle is None else self._take(claim)
        self._run(
            "INSERT INTO account (did, handle, at) VALUES (?, ?, ?) "
            "ON CONFLICT DO UPDATE SET handle = excluded.handle, at = excluded.at WHERE excluded.at >= account.at",
            *(claim.did, claim.handle if holder == claim.did else None, claim.at),
        )
        return loser

    def _take(self, claim: Claim) -> tuple[str, str | None]:
        """The DID that has the handle after this claim, and the one that lost it by this claim."""
        row = self._run("SELECT did, at FROM claim WHERE handle = ?", claim.handle).fetchone()
        if row is not None and (row[1], row[0]) > (claim.at, claim.did):
            return row[0], None
        self._run(
            "INSERT INTO claim VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET did = excluded.did, at = excluded.at",
            *(claim.handle, claim.did, claim.at),
        )
        lost = row is not None and row[0] != claim.did and self._lose(row[0], claim.handle)
        return claim.did, row[0] if lost else None

    def _lose(self, did: str, handle: str | None) -> bool:
        return self._run("UPDATE account SET handle = NULL WHERE did = ? AND handle = ?", did, handle).rowcount > 0

    def _room(self) -> bool:
        number: int = self._run("SELECT number FROM tally WHERE name = 'waiting'").fetchone()[0]
        return number < MAX_WAITING

    def _dids(self, sql: str, *values: Any) -> list[str]:
        return [did for (did,) in self._run(sql, *values)]

    def _run(self, sql: str, *values: Any) -> sqlite3.Cursor:
        connection: _Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = _Connection(self._path, self._timeout)
        return connection.database.execute(sql, values)


class _Connection:
    """Closed with the thread that has it, or with the store."""

    def __init__(self, path: Path, timeout: float) -> None:
        address = f"file:{quote(str(path))}?mode=rw"  # a reader creates no file
        self.database = sqlite3.connect(
            address, uri=True, timeout=timeout, isolation_level=None, check_same_thread=False
        )
        self.database.execute("PRAGMA synchronous = NORMAL")  # a power cut may lose some seconds

    def __del__(self) -> None:
        if hasattr(self, "database"):  # which it has not when the file can't be opened
            self.database.close()


def _json(dids: Sequence[str]) -> str:
    return msgspec.json.encode(dids).decode()
