"""The SQLite files of a backup: snapshots of the catalog and of the handles, and what a catalog says."""

import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

from ingest.models import Checkpoint, Connection
from lake.catalog.identity import State
from lake.errors import LakeUnusable
from lake.models import CatalogIdentity, DataFile, IndexFile
from lake.recovery.manifest import Entry
from lake.storage import disk

LOCKED_SECONDS = 30  # waits so long for a locked database

RESTORED = "the catalog is a restored backup, which does not tell what came afterwards"

_LISTED = "SELECT path, bytes, sha256 FROM {table} WHERE superseded_at IS NULL ORDER BY path"


def handles_path(catalog: Path) -> Path:
    return catalog.with_suffix(".handles.sqlite3")


def copy_database(source: Path, target: Path) -> Entry:
    """Its present state, while others write, as one file without a write-ahead log."""
    try:
        with closing(_open(source)) as old, closing(sqlite3.connect(target)) as new:
            old.backup(new)  # in one step: a copy in several begins anew with each write of another process
            new.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise LakeUnusable(
            f"{source} can't be copied to {target.parent} ({error}): remove the cause, then try again."
        ) from error
    return Entry(target.name, target.stat().st_size, disk.sha256(target))


def damage(catalog: Path) -> str:
    """What SQLite finds wrong with its pages; empty if nothing."""
    with closing(_open(catalog)) as database:
        try:
            (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.DatabaseError as error:
            return str(error)
    return "" if found == "ok" else " ".join(found.split())


def listed_files(catalog: Path) -> list[Entry]:
    """Data and index files that the catalog lists."""
    with closing(_open(catalog)) as database:
        tables = [model._meta.db_table for model in (DataFile, IndexFile)]
        return [Entry(*row) for table in tables for row in database.execute(_LISTED.format(table=table))]


def identity_of(catalog: Path) -> State | None:
    """None: a catalog of version 0.1, whose first writer makes its identity."""
    with closing(_open(catalog)) as database:
        try:
            row = database.execute(f"SELECT catalog, flush, compact FROM {CatalogIdentity._meta.db_table}").fetchone()
        except sqlite3.OperationalError:  # no such table
            return None
    return State(str(UUID(row[0])), row[1], row[2]) if row else None


def resume_us(catalog: Path) -> int | None:
    """Where the consumer resumes when Redis is empty, microseconds; None: the catalog has no commit yet."""
    with closing(_open(catalog)) as database:
        row = database.execute(f"SELECT time_us FROM {Checkpoint._meta.db_table}").fetchone()
    return row[0] if row else None


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=LOCKED_SECONDS)


def close_connections(catalog: Path) -> None:
    """Of a restored catalog: what was open when it was copied. The restored service never sees its end."""
    with closing(sqlite3.connect(catalog)) as database, database:
        database.execute(
            f"UPDATE {Connection._meta.db_table} SET closed_at = saved_at, why_closed = ? WHERE closed_at IS NULL",
            (RESTORED,),
        )
