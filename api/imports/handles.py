"""Known handles from a file with the columns did and handle, and perhaps `at`: when that was known."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from api.imports.table_files import Part, UnreadableFile, parts
from ingest.handles.store import LONGEST_DID, Claim, Store
from ingest.identifiers import is_did, normalize_handle
from process.instants import microseconds, now_us, parse_timestamp

SHOWN = 80  # characters of a wrong value


class Progress(NamedTuple):
    """After a part: `rows` so far, of them `wrong`, the sentences about those of this part, and how far the file is
    read."""

    rows: int
    wrong: int
    said: list[str]
    done: int
    total: int


def import_handles(store: Store, path: Path, at: int, after: int = 0) -> Iterator[Progress]:
    """Each part in one transaction. Claims with the time `at` (microseconds) where the row has none: what was learned
    later stays, so that the same file may be imported again. `after`: so many rows are skipped. Raises UnreadableFile,
    OSError and sqlite3.Error."""
    rows = wrong = 0
    for part in parts(path):
        if rows == 0 and part.rows:
            _require_columns(path, part.rows[0])
        first, rows = rows, rows + len(part.rows)
        if rows <= after:
            continue
        claims, said = _claims(part, first, at, after)
        with store.transaction():
            store.claim(claims)
        wrong += len(said)
        yield Progress(rows, wrong, said, part.done, part.total)


def _require_columns(path: Path, row: Mapping[str, Any] | None) -> None:
    if row is not None and (missing := [name for name in ("did", "handle") if name not in row]):
        raise UnreadableFile(f"{path} has no column {' and no column '.join(missing)}: it needs did and handle.")


def _claims(part: Part, first: int, at: int, after: int) -> tuple[list[Claim], list[str]]:
    claims: list[Claim] = []
    said: list[str] = []
    for number, row in enumerate(part.rows, first + 1):
        if number <= after:
            continue
        try:
            claims.append(to_claim(row, at))
        except ValueError as error:
            said.append(f"row {number}: {error}")
    return claims, said


def to_claim(row: Mapping[str, Any] | None, at: int) -> Claim:
    """Raises ValueError that says what is wrong."""
    if row is None:
        raise ValueError("is no JSON object")
    did, handle = row.get("did"), row.get("handle")
    if not isinstance(did, str) or not is_did(did, LONGEST_DID):
        raise ValueError(f"{str(did)[:SHOWN]!r} is no DID")
    if (name := normalize_handle(handle)) is None:
        raise ValueError(f"{str(handle)[:SHOWN]!r} is no handle")
    return Claim(did, name, _time(row.get("at")) or at)


def _time(value: Any) -> int | None:
    """Of a row; one to come counts as now, as no later event could correct it."""
    if value in (None, ""):
        return None
    try:
        moment = value if isinstance(value, datetime) else parse_timestamp(str(value))
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{str(value)[:SHOWN]!r} is no time") from error
    return min(microseconds(moment), now_us())
