"""The lake against the log of the firehose, and what the service shows against what the log leaves: in DuckDB alone,
without any code of the service, in bounded memory."""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb

from tests.end_to_end.evidence import COLLECTIONS, Lake

MEMORY = "2GB"
POSTS = COLLECTIONS["posts"]
_DATASETS = " ".join(f"WHEN '{collection}' THEN '{dataset}'" for dataset, collection in COLLECTIONS.items())
_EVENTS = f"""
    CREATE TABLE events AS
    SELECT did, kind, commit.operation AS operation, commit.collection AS collection, commit.rkey AS rkey,
           commit.rev AS rev, account.active AS active, coalesce(account.seq, identity.seq) AS seq,
           CASE WHEN kind <> 'commit' THEN 'accounts' WHEN commit.operation = 'delete' THEN 'deletes'
                ELSE CASE commit.collection {_DATASETS} ELSE 'records' END END AS dataset
    FROM read_ndjson($dump, maximum_object_size = 20000000, columns = {{
        did: 'VARCHAR', kind: 'VARCHAR',
        commit: 'STRUCT(operation VARCHAR, collection VARCHAR, rkey VARCHAR, rev VARCHAR)',
        account: 'STRUCT(active BOOLEAN, seq BIGINT)', identity: 'STRUCT(seq BIGINT)'}})
"""
_ACCOUNT_KEY = "hash('accounts', did, kind, seq::VARCHAR)"
_RECORD_KEY = "hash({dataset}, did, {collection}, rkey, rev, operation)"
_SHOWN = f"""
    WITH posts AS (
        SELECT did, rkey, arg_max(operation, rev) AS latest FROM events
        WHERE kind = 'commit' AND collection = '{POSTS}' GROUP BY ALL),
    away AS (
        SELECT did FROM events WHERE kind = 'account' GROUP BY did HAVING NOT arg_max(active, seq))
    SELECT concat('at://', did, '/{POSTS}/', rkey) AS id FROM posts
    WHERE latest <> 'delete' AND did NOT IN (FROM away)
"""


class Comparison:
    """Opened on the dump of the log; `folder`: for what does not fit in memory."""

    def __init__(self, dump: Path, folder: Path) -> None:
        path = folder / "comparison.duckdb"
        path.unlink(missing_ok=True)
        self._database = duckdb.connect(str(path), config={"memory_limit": MEMORY, "preserve_insertion_order": False})
        self._database.execute(_EVENTS, {"dump": str(dump)})
        self._database.execute(f"CREATE TABLE log AS SELECT {self._log_key()} AS key FROM events")

    @staticmethod
    def _log_key() -> str:
        record = _RECORD_KEY.format(dataset="dataset", collection="collection")
        return f"CASE WHEN kind = 'commit' THEN {record} ELSE {_ACCOUNT_KEY} END"

    def with_lake(self, lake: Lake) -> dict[str, int]:
        """Numbers of events of the log, rows of the lake, events that are lost, rows of no event, rows that are there
        more than once, events that the log itself has more than once."""
        self._database.execute("CREATE OR REPLACE TABLE lake (key UBIGINT)")
        for dataset, paths in _by_dataset(lake.listed()).items():
            self._database.execute(
                f"INSERT INTO lake {_lake_keys(dataset)}", [[str(lake.root / path) for path in paths]]
            )
        return {
            "events": self._number("FROM log"),
            "rows": self._number("FROM lake"),
            "lost": self._number("FROM log ANTI JOIN lake USING (key)"),
            "foreign": self._number("FROM lake ANTI JOIN log USING (key)"),
            "twice": self._number("FROM lake") - self._number("FROM (SELECT DISTINCT key FROM lake)"),
            "twice_in_log": self._number("FROM log") - self._number("FROM (SELECT DISTINCT key FROM log)"),
        }

    def with_export(self, path: Path) -> dict[str, int]:
        """Of the posts that the service shows: an export of all with the column id, as Parquet."""
        self._database.execute(f"CREATE OR REPLACE TABLE expected AS {_SHOWN}")
        self._database.execute("CREATE OR REPLACE TABLE shown AS SELECT id FROM read_parquet($1)", [str(path)])
        return {
            "expected": self._number("FROM expected"),
            "shown": self._number("FROM shown"),
            "not_shown": self._number("FROM expected ANTI JOIN shown USING (id)"),
            "shown_though_gone": self._number("FROM shown ANTI JOIN expected USING (id)"),
            "shown_twice": self._number("FROM shown") - self._number("FROM (SELECT DISTINCT id FROM shown)"),
        }

    def examples(self, count: int = 5) -> dict[str, list[Any]]:
        """A few of what differs, for whoever has to find out why."""
        lost = (
            f"SELECT * FROM (SELECT *, {self._log_key()} AS key FROM events) ANTI JOIN lake USING (key) LIMIT {count}"
        )
        more = f"SELECT id FROM shown ANTI JOIN expected USING (id) LIMIT {count}"
        return {"lost": self._rows(lost), "shown_though_gone": self._rows(more)}

    def close(self) -> None:
        self._database.close()

    def _number(self, relation: str) -> int:
        return int(self._rows(f"SELECT count(*) {relation}")[0][0])

    def _rows(self, sql: str) -> list[Any]:
        return self._database.execute(sql).fetchall()


def _by_dataset(listed: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for dataset, path in listed:
        found.setdefault(dataset, []).append(path)
    return found


def _lake_keys(dataset: str) -> str:
    collection = f"'{COLLECTIONS[dataset]}'" if dataset in COLLECTIONS else "collection"
    key = _ACCOUNT_KEY if dataset == "accounts" else _RECORD_KEY.format(dataset=f"'{dataset}'", collection=collection)
    return f"SELECT {key} FROM read_parquet($1, union_by_name = true)"


def compare(dump: Path, lake: Lake, export: Path, folder: Path) -> dict[str, Any]:
    with closing(Comparison(dump, folder)) as comparison:
        found = {"lake": comparison.with_lake(lake), "posts": comparison.with_export(export)}
        wrong = any(found["lake"][name] for name in ("lost", "foreign", "twice")) or any(
            found["posts"][name] for name in ("not_shown", "shown_though_gone", "shown_twice")
        )
        return found | ({"examples": str(comparison.examples())} if wrong else {})
