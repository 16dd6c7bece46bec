"""Posts of labels: the version of each that shows now."""

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from django.db import connection
from numpy.typing import NDArray

from lake.models import InactiveAccount, Tombstone
from lake.query.spec import Search
from lake.scan.full_scan import by_hours
from lake.scan.scan_range import ScanFile
from lake.scan.snapshot import files_in_range
from lake.storage.duckdb_engine import Engine

NEAR_US = 600_000_000  # a key is made from the author's clock, which is rarely further from the server's
STEP_US = 600_000_000
VERSION = ("did", "rkey", "rev", "seen", "created_at")
_ALPHABET = b"234567abcdefghijklmnopqrstuvwxyz"
_TID = "^[2-7a-j][2-7a-z]{12}$"

_VERSIONS = """SELECT did, rkey, rev, seen::TIMESTAMP AS seen, created_at::TIMESTAMP AS created_at
    FROM lake_rows($files) SEMI JOIN post_key USING (did, rkey) WHERE state IS NULL{few}"""
_NEWEST = "FROM version QUALIFY row_number() OVER (PARTITION BY did, rkey ORDER BY rev DESC) = 1"
FEW = 200  # keys that are named one by one, so that bloom filters rule row groups out

CANDIDATES_AT_ONCE = 50_000
_HIDDEN = f"""
    WITH candidate AS MATERIALIZED (
        SELECT value ->> 0 AS did, value ->> 1 AS rkey, value ->> 2 AS rev FROM json_each(%s)
    )
    SELECT did, rkey FROM candidate AS c WHERE
        EXISTS (SELECT 1 FROM {Tombstone._meta.db_table} AS t WHERE t.did = c.did
            AND t.collection = 'app.bsky.feed.post' AND t.rkey = c.rkey AND t.rev > c.rev)
        OR EXISTS (SELECT 1 FROM {InactiveAccount._meta.db_table} AS i WHERE i.did = c.did)
"""  # noqa: S608 - our own names

ListFiles = Callable[[], list[ScanFile]]


def near(rkeys: pa.ChunkedArray) -> ListFiles:
    """Files of about the times that these keys carry."""
    times = tid_us(rkeys)
    steps = np.unique(np.concatenate([(times + shift) // STEP_US for shift in (-NEAR_US, 0, NEAR_US)]))
    return lambda: [file for file in _all() if _meets(steps, file)]


def everywhere() -> list[ScanFile]:
    return _all()


def of_paths(paths: Iterable[str]) -> ListFiles:
    """Those of these files that are still listed, and whatever compaction has made of the others' hours."""
    folders = {path.rpartition("/")[0] for path in paths}
    return lambda: [file for file in _all() if file.folder in folders]


def find(engine: Engine, root: Path, keys: pa.Table, files: ListFiles) -> pa.Table:
    """The columns VERSION of the posts with these keys (did, rkey) that are in these files and show. Raises
    LakeUnusable and QueryTooLarge."""
    names = keys["rkey"].to_pylist() if keys.num_rows <= FEW else []
    few = f" AND rkey IN ({', '.join(f'$rkey{number}' for number in range(len(names)))})" if names else ""
    values = {f"rkey{number}": rkey for number, rkey in enumerate(names)}

    def read(part: Sequence[ScanFile]) -> pa.Table:
        paths = [str(root / file.path) for file in part]
        return engine.table(_VERSIONS.format(few=few), {"files": paths, **values}, post_key=keys)

    tables = list(by_hours(files, read)) if keys.num_rows else []
    if not tables:
        return pa.table({name: pa.array([], kind) for name, kind in _KINDS.items()})
    return _without_hidden(engine, engine.table(_NEWEST, version=pa.concat_tables(tables)))


_KINDS = dict.fromkeys(VERSION[:3], pa.string()) | dict.fromkeys(VERSION[3:], pa.timestamp("us"))


def _without_hidden(engine: Engine, versions: pa.Table) -> pa.Table:
    """Without those of which the catalog knows a delete, a newer version or that the account is not active."""
    candidates = list(zip(*(versions[name].to_pylist() for name in ("did", "rkey", "rev")), strict=True))
    hidden: list[tuple[str, str]] = []
    with connection.cursor() as cursor:
        for start in range(0, len(candidates), CANDIDATES_AT_ONCE):
            cursor.execute(_HIDDEN, [json.dumps(candidates[start : start + CANDIDATES_AT_ONCE])])
            hidden += cursor.fetchall()
    if not hidden:
        return versions
    dids, rkeys = (pa.array(column, pa.string()) for column in zip(*hidden, strict=True))
    gone = pa.table({"did": dids, "rkey": rkeys})
    return engine.table("FROM version ANTI JOIN gone USING (did, rkey)", version=versions, gone=gone)


def _all() -> list[ScanFile]:
    return files_in_range(Search())


def _meets(steps: NDArray[np.int64], file: ScanFile) -> bool:
    first, last = np.searchsorted(steps, [file.low // STEP_US, file.high // STEP_US + 1])
    return bool(first < last)


def tid_us(rkeys: pa.ChunkedArray) -> NDArray[np.int64]:
    """The times that these keys carry, in microseconds since 1970, of those that are TIDs."""
    tids = rkeys.filter(pc.match_substring_regex(rkeys, _TID)).combine_chunks()
    letters = np.frombuffer("".join(tids.to_pylist()).encode(), np.uint8).reshape(-1, 13)
    digits = np.zeros(256, np.int64)
    digits[list(_ALPHABET)] = np.arange(32)
    shifts = np.arange(50, -1, -5)
    times: NDArray[np.int64] = (digits[letters[:, :11]] << shifts).sum(axis=1)
    return times
