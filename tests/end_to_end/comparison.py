"""Whether the lake equals the log: each event once, and what shows is what is left of deletes, accounts, retention.

Says it in SQL over the log alone, by the rules of docs/files.md; none of the service's code is asked. Compares the keys
of all rows, and the texts of posts; the other columns are left to verify_lake, which hashes records again.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import duckdb

from tests.end_to_end.event_log import HOUR_US
from tests.end_to_end.evidence import COLLECTIONS, Lake

DATASETS = (*COLLECTIONS, "records", "deletes", "accounts")
MEMORY = "3GB"
_KEY = "did, collection, rkey, rev, operation, seq"
_NOTHING = f"SELECT {_KEY} FROM (SELECT {', '.join(f'NULL AS {name}' for name in _KEY.split(', '))}) WHERE false"


class Difference(NamedTuple):
    """Events, or rows that show: how many there must be, and how many are missing, too many and there twice. `changed`:
    posts with another text."""

    expected: int = 0
    missing: int = 0
    extra: int = 0
    doubled: int = 0
    changed: int = 0

    def plus(self, other: "Difference") -> "Difference":
        return Difference(*(a + b for a, b in zip(self, other, strict=True)))

    @property
    def none(self) -> bool:
        return not (self.missing or self.extra or self.doubled or self.changed)


class Comparison:
    """`folder`: the log's. `now_us`, `kept_days`: when retention was last applied, and its days by dataset."""

    def __init__(self, folder: Path, scratch: Path, now_us: int, kept_days: dict[str, int]) -> None:
        self._folder, self._now_us, self._kept_days = folder, now_us, kept_days
        self._db = duckdb.connect()
        self._db.execute(f"SET memory_limit = '{MEMORY}'; SET temp_directory = '{scratch}'; SET threads = 2")
        self.hours = sorted(int(path.name.removeprefix("hour-")) for path in folder.iterdir())

    def stored(self, lake: Lake) -> Difference:
        """Of the keys of all events that the lake must hold, and of the texts of posts."""
        found = Difference()
        for hour in sorted({*self.hours, *_hours(lake)}):
            for dataset in DATASETS:
                there = hour in self.hours and not self._expired(dataset, hour)
                ours = f"SELECT {_KEY} FROM ({self._log(dataset, [hour])})" if there else _NOTHING
                files = _files(lake, dataset, hour)
                found = found.plus(self._difference(ours, _stored(dataset, files)))
                if there and files and dataset == "posts":
                    found = found.plus(Difference(changed=self._changed(hour, files)))
        return found

    def _changed(self, hour: int, paths: list[str]) -> int:
        """Posts whose text is not what was sent. Those that were deleted have none after the daily pass."""
        ((count,),) = self._rows(
            f"SELECT count(*) FROM read_parquet({paths}, hive_partitioning = false) AS stored"
            f" JOIN ({self._log('posts', [hour])}) AS sent USING (did, rkey, rev, operation)"
            " WHERE stored.state IS NULL AND md5_number_lower(stored.text) IS DISTINCT FROM sent.text"
        )
        return count

    def shown(self, export: Path, dataset: str, hours: list[int]) -> Difference:
        """`export`: a Parquet file with the IDs of all rows of these hours that show."""
        kept = [hour for hour in hours if not self._expired(dataset, hour)]
        ours = self._visible(dataset, kept) if kept else "SELECT '' AS id WHERE false"
        return self._difference(ours, f"SELECT id FROM read_parquet('{export}')")

    def prepare(self) -> None:
        """What decides over others: deletes and newer versions, and the latest word on each account."""
        every = f"read_parquet('{self._folder}/*/*.parquet', hive_partitioning = false)"
        self._db.execute(
            f"CREATE TABLE newer AS SELECT did, collection, rkey, max(rev) AS rev FROM {every}"
            " WHERE dataset IN ('deletes', 'profiles', 'records') OR operation = 'update' GROUP BY ALL"
        )
        self._db.execute(
            f"CREATE TABLE gone AS SELECT did FROM {every} WHERE dataset = 'accounts' AND operation = 'account'"
            " GROUP BY did HAVING NOT max_by(active, seq)"
        )

    def json_bytes(self) -> int:
        (found,) = self._rows(f"SELECT sum(bytes) FROM read_parquet('{self._folder}/*/*.parquet')")
        return int(found[0])

    def _log(self, dataset: str, hours: list[int]) -> str:
        paths = [f"{self._folder}/hour-{hour}/*.parquet" for hour in hours]
        return f"FROM read_parquet({paths}, hive_partitioning = false) WHERE dataset = '{dataset}'"

    def _expired(self, dataset: str, hour: int) -> bool:
        days = self._kept_days.get(dataset)
        return days is not None and hour + HOUR_US <= self._now_us - days * 24 * HOUR_US

    def _visible(self, dataset: str, hours: list[int]) -> str:
        if dataset == "accounts":
            return f"SELECT 'at://' || did AS id {self._log(dataset, hours)}"
        rows = (
            f"SELECT 'at://' || did || '/' || collection || '/' || rkey AS id FROM ({self._log(dataset, hours)}) AS v"
        )
        if dataset == "deletes":
            return rows
        return (
            f"{rows} WHERE NOT EXISTS (FROM newer WHERE newer.did = v.did AND newer.collection = v.collection"
            " AND newer.rkey = v.rkey AND newer.rev > v.rev) AND NOT EXISTS (FROM gone WHERE gone.did = v.did)"
        )

    def _difference(self, ours: str, theirs: str) -> Difference:
        (found,) = self._rows(
            f"WITH ours AS MATERIALIZED ({ours}), theirs AS MATERIALIZED ({theirs})"
            " SELECT (SELECT count(*) FROM ours), (SELECT count(*) FROM (FROM ours EXCEPT FROM theirs)),"
            " (SELECT count(*) FROM (FROM theirs EXCEPT FROM ours)),"
            " (SELECT count(*) FROM theirs) - (SELECT count(*) FROM ours)"
        )
        expected, missing, extra, more = found
        return Difference(expected, missing, extra, more + missing - extra)

    def _rows(self, sql: str) -> list[tuple[int, ...]]:
        return self._db.execute(sql).fetchall()

    def close(self) -> None:
        self._db.close()


def _hours(lake: Lake) -> set[int]:
    """Of all listed files but labels, which are not of the log."""
    sql = "SELECT DISTINCT unixepoch(hour) FROM lake_datafile WHERE superseded_at IS NULL AND dataset <> 'labels'"
    return {seconds * 1_000_000 for (seconds,) in lake.ask(sql)}


def _files(lake: Lake, dataset: str, hour: int) -> list[str]:
    moment = datetime.fromtimestamp(hour / 1e6, UTC)
    sql = "SELECT path FROM lake_datafile WHERE superseded_at IS NULL AND dataset = ? AND hour >= ? AND hour < ?"
    start, end = (f"{each:%Y-%m-%d %H:%M:%S}" for each in (moment, moment + timedelta(hours=1)))
    return [str(lake.root / path) for (path,) in lake.ask(sql, dataset, start, end)]


def _stored(dataset: str, paths: list[str]) -> str:
    """The rows of these files with the columns of _KEY."""
    if not paths:
        return _NOTHING
    source = f"read_parquet({paths}, hive_partitioning = false)"
    if dataset == "accounts":
        return f"SELECT did, NULL AS collection, NULL AS rkey, NULL AS rev, kind AS operation, seq FROM {source}"
    collection = f"'{COLLECTIONS[dataset]}'" if dataset in COLLECTIONS else "collection"
    return f"SELECT did, {collection} AS collection, rkey, rev, operation, NULL AS seq FROM {source}"


def by_day(hours: list[int]) -> Iterator[tuple[str, list[int]]]:
    """ISO dates with their hours."""
    days: dict[str, list[int]] = {}
    for hour in hours:
        days.setdefault(f"{datetime.fromtimestamp(hour / 1e6, UTC):%Y-%m-%d}", []).append(hour)
    yield from days.items()
