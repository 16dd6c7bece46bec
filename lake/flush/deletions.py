"""From new events to what the catalog learns of deletions: tombstones and states of accounts."""

from datetime import timedelta
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from lake.catalog import listing, read_guard
from lake.catalog.clock import Turn
from lake.catalog.commits import AccountState, NewTombstone
from lake.flush.dataset_rows import seen_us, turn_values
from lake.flush.dedupe import NewEvents
from lake.flush.statements import statement, typed
from lake.schema import DATASETS, INTERACTIONS, VERSIONED
from lake.storage.duckdb_engine import Engine
from process import instants
from process.instants import now_us

VERSION_COLUMNS = ["did", "collection", "rkey", "rev", "operation", "seen"]
TID_LENGTH = 13


def tombstones(engine: Engine, root: Path, new: NewEvents, turn: Turn) -> list[NewTombstone]:
    """`root`: LAKE_ROOT."""
    versions = pa.concat_tables(new.tables[name].select(VERSION_COLUMNS) for name in VERSIONED)
    replacing = pa.concat_tables(_may_replace(new.tables[name]).select(VERSION_COLUMNS) for name in INTERACTIONS)
    deletes = new.tables["deletes"].select(VERSION_COLUMNS)
    tables = {"version": pa.concat_tables([versions, replacing]), "deletion": deletes, "nearby_post": new.nearby_posts}
    rows = engine.rows(statement("tombstones"), turn_values(turn), **tables)
    return [NewTombstone(*row) for row in rows] + _known_to_the_lake(engine, root, _late(versions, new))


def _may_replace(interactions: pa.Table) -> pa.Table:
    """Likes and the like of which there may be an older version: hardly any."""
    no_time = pc.not_equal(pc.binary_length(interactions["rkey"]), TID_LENGTH)
    return interactions.filter(pc.or_(pc.equal(interactions["operation"], "update"), no_time))


def _late(versions: pa.Table, new: NewEvents) -> pa.Table:
    """Versions that come so late that the catalog may have removed their tombstones; and likes and the like whose seen
    is their ingest time, as their deletes may have been seen long before."""
    before = now_us() - listing.LATE // timedelta(microseconds=1)
    others = (new.tables[name] for name in INTERACTIONS)
    at_ingest = [table.filter(pc.is_valid(table["impossible_time_us"])).select(VERSION_COLUMNS) for table in others]
    return pa.concat_tables([versions.filter(pc.less(seen_us(versions), before)), *at_ingest])


def _known_to_the_lake(engine: Engine, root: Path, late: pa.Table) -> list[NewTombstone]:
    """Tombstones of late versions, made anew from the files."""
    if not late.num_rows:
        return []
    start = instants.utc(pc.min(seen_us(late)).as_py()) - listing.LATE
    found: list[NewTombstone] = []
    for name in ("deletes", *VERSIONED):
        find = partial(listing.paths_since, name, start)
        found += read_guard.read_current(find, partial(_newer, engine, root, name, late))
    return found


def _newer(engine: Engine, root: Path, name: str, late: pa.Table, paths: list[str]) -> list[NewTombstone]:
    if not paths:
        return []
    several = listing.hold_late_rows(paths)
    sql = statement("late_tombstones").format(
        source="full_lake_rows" if several else "lake_rows",
        known="coalesce(newer.learned, newer.seen)" if several else "newer.seen",
        same_uri=DATASETS[name].same_uri("newer", "late"),
        deleted=name == "deletes",
    )
    files = [str(root / path) for path in paths]
    return [NewTombstone(*row) for row in engine.rows(sql, {"files": files}, late=late)]


def account_states(engine: Engine, root: Path, new: NewEvents) -> list[AccountState]:
    """The latest state of each account of which the batch has news."""
    accounts = new.tables["accounts"]
    news = accounts.filter(pc.equal(accounts["kind"], "account"))
    if not news.num_rows:
        return []
    find = partial(listing.paths_from, "accounts", pc.min(seen_us(news)).as_py())
    return read_guard.read_current(find, partial(_latest, engine, root, news))


def _latest(engine: Engine, root: Path, news: pa.Table, paths: list[str]) -> list[AccountState]:
    columns = "did, active, status, created_at::TIMESTAMP AS created_at, seen::TIMESTAMP AS seen, seq"
    new = engine.table(f"SELECT {columns} FROM ({typed(DATASETS['accounts'])})", received=news)
    known = new.slice(0, 0)
    if paths:
        sql = f"""SELECT {columns} FROM lake_rows($files)
            WHERE kind = 'account' AND did IN (SELECT did FROM new)"""
        known = engine.table(sql, {"files": [str(root / path) for path in paths]}, new=new)
    rows = engine.rows(statement("latest_accounts"), account=pa.concat_tables([new, known]))
    return [AccountState(*row) for row in rows]
