"""Proves from the rows themselves that what was deleted or replaced a day ago is marked so in all files: the lake's
deletes, newer versions and accounts against its posts, profiles and records. The catalog's tombstones are not asked.
That what is marked has lost its text lake.verify.files sees in each file.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import NamedTuple

from lake.catalog import listing
from lake.flags.definitions import flags
from lake.models import DataFile
from lake.schema import DATASETS, STATEFUL
from lake.storage.duckdb_engine import Engine
from lake.verify.runner import Finding, Report, Stage, Task, written_at
from process import instants

WITHIN = timedelta(hours=24)  # what has arrived before that must be in all files
KEYS_AT_ONCE = 1_000_000  # deletes, newer versions or account events of one query: some 300 MB
ROWS_AT_ONCE = 50_000_000  # that they are compared with: so much is done again after a kill
COMPACT = "run compact_lake --once"

_COUNTS = """
    SELECT filename, count(*) FROM read_parquet($1, hive_partitioning = false, filename = true)
    WHERE {which} GROUP BY filename
"""
# Records are compared by two hashes of 64 bits, which bounds the memory whatever their names are.
_UNMARKED = """
    WITH later AS MATERIALIZED (
        SELECT hash(did, {collection}, rkey) AS one, hash(rkey, did) AS two, max(rev) AS rev, min(seen) AS seen
        FROM read_parquet($later, hive_partitioning = false) WHERE {which} GROUP BY ALL
    )
    SELECT filename, count(*), epoch_us(min(later.seen)), any_value(concat_ws('/', s.did, {own}, s.rkey))
    FROM read_parquet($files, hive_partitioning = false, filename = true) AS s
    JOIN later ON later.one = hash(s.did, {own}, s.rkey) AND later.two = hash(s.rkey, s.did) AND later.rev > s.rev
    WHERE {unmarked} GROUP BY filename ORDER BY filename
"""
_GONE = """
    WITH event AS (
        SELECT hash(did) AS one, hash(did, '') AS two, status IS NOT DISTINCT FROM 'deleted' AND NOT active AS deleted,
            seen, filename IN (SELECT unnest($old)) AS old,
            (coalesce(epoch_us(created_at), epoch_us(seen)), coalesce(seq, 0)) AS moment
        FROM read_parquet($accounts, hive_partitioning = false, filename = true)
        WHERE kind = 'account' AND active IS NOT NULL AND hash(did) % $parts = $part
    ), gone AS MATERIALIZED (
        SELECT one, two, max_by(seen, moment) AS seen FROM event GROUP BY one, two
        HAVING max_by(old AND deleted, moment)
    )
    SELECT filename, count(*), epoch_us(min(gone.seen)), any_value(s.did)
    FROM read_parquet($files, hive_partitioning = false, filename = true) AS s
    JOIN gone ON gone.one = hash(s.did) AND gone.two = hash(s.did, '')
    WHERE s.state IS DISTINCT FROM 'deleted' GROUP BY filename ORDER BY filename
"""


class Reason(NamedTuple):
    """Why a row must have a state: rows of `source` that are `which` stand above it. `unmarked`: that it has it not."""

    what: str
    source: str
    which: str
    unmarked: str


class Hours(NamedTuple):
    """From the first to the last, both included."""

    first: datetime
    last: datetime


class DeletionChecks:
    def __init__(self, root: Path, engine: Engine, report: Report) -> None:
        self._root, self._engine, self._report = root, engine, report

    def stage(self) -> Stage:
        return Stage("checks of what was deleted or replaced", self._tasks)

    def _tasks(self) -> list[Task]:
        tasks = [Task("posts", "", self._unpurged)]
        for dataset in STATEFUL:
            rows = cut(((file.hour, file.rows) for file in self._settled(dataset)), ROWS_AT_ONCE)
            for reason in reasons(dataset):
                for later, hours in product(self._later(reason), rows):
                    files = [*self._arrived(reason.source, later), *self._settled(dataset, hours)]
                    key = f"states {dataset} {reason.what} {_digest(file.path for file in files)}"
                    check = partial(self._unmarked, dataset, reason, later, hours)
                    tasks.append(Task(f"{dataset} {reason.what}", key, check))
            check = partial(self._of_deleted_accounts, dataset)
            tasks.append(Task(f"{dataset} of deleted accounts", "", check))
        return tasks

    def _later(self, reason: Reason) -> list[Hours]:
        """Hours of the source, so that each part has so many rows that count."""
        files = {path: file for file in self._arrived(reason.source) for path in self._paths([file])}
        counts = dict(self._engine.rows(_COUNTS.format(which=reason.which), [list(files)])) if files else {}
        return cut(((files[path].hour, rows) for path, rows in sorted(counts.items())), KEYS_AT_ONCE)

    def _unmarked(self, dataset: str, reason: Reason, later: Hours, hours: Hours) -> Iterator[Finding]:
        collection = DATASETS[dataset].collection
        sql = _UNMARKED.format(
            collection="collection" if reason.source == "deletes" or not collection else f"'{collection}'",
            own=f"'{collection}'" if collection else "s.collection",
            which=reason.which,
            unmarked=reason.unmarked,
        )
        values = {
            "later": self._paths(self._arrived(reason.source, later)),
            "files": self._paths(self._settled(dataset, hours)),
        }
        if all(values.values()):
            yield from self._findings(self._engine.rows(sql, values), reason.what)

    def _of_deleted_accounts(self, dataset: str) -> Iterator[Finding]:
        accounts = self._files("accounts")
        values = {
            "accounts": self._paths(accounts),
            "old": self._paths(self._arrived("accounts")),
            "files": self._paths(self._settled(dataset)),
        }
        if not all(values.values()):
            return
        parts = sum(file.rows for file in accounts) // KEYS_AT_ONCE + 1
        for part in range(parts):
            found = self._engine.rows(_GONE, {**values, "parts": parts, "part": part})
            yield from self._findings(found, "of deleted accounts")

    def _findings(self, rows: Iterable[tuple[str, int, int, str]], what: str) -> Iterator[Finding]:
        for path, count, since_us, example in rows:
            hours = (datetime.now(UTC) - instants.utc(since_us)) / timedelta(hours=1)
            text = f"has {count} rows {what} that are not marked so, the oldest for {hours:.0f} h, such as {example}"
            yield Finding(str(Path(path).relative_to(self._root)), text, COMPACT)

    def _unpurged(self) -> Iterator[Finding]:
        """lake.verify.files has compared the files with these numbers."""
        if flags().purge_deleted:
            for file in listing.all_files().filter(unpurged__gt=0):
                yield Finding(file.path, f"holds {file.unpurged} deleted rows with text, purge_deleted is on", COMPACT)

    def _arrived(self, dataset: str, hours: Hours | None = None) -> list[DataFile]:
        """Files whose rows have all been in the lake for so long that they must have had their effect."""
        deadline = datetime.now(UTC) - WITHIN
        return [file for file in self._files(dataset, hours) if written_at(file) < deadline]

    def _settled(self, dataset: str, hours: Hours | None = None) -> list[DataFile]:
        """Files in which all older deletes must show: compaction writes none without, a flushed one gets its time."""
        deadline = datetime.now(UTC) - WITHIN
        return [file for file in self._files(dataset, hours) if file.batch is None or written_at(file) < deadline]

    def _files(self, dataset: str, hours: Hours | None = None) -> list[DataFile]:
        listed = listing.files_of(dataset).order_by("hour", "path").select_related("batch")
        meant = listed.filter(hour__gte=hours.first, hour__lte=hours.last) if hours else listed
        return [file for file in meant if file.path not in self._report.unsound]

    def _paths(self, files: Iterable[DataFile]) -> list[str]:
        return [str(self._root / file.path) for file in files]


def reasons(dataset: str) -> tuple[Reason, ...]:
    """A later delete, or an update. Creates are left out: before a second one there was a delete, seen or lost."""
    collection = DATASETS[dataset].collection
    others = [other.collection for other in DATASETS.values() if other.collection]
    which = f"collection = '{collection}'" if collection else f"collection NOT IN ({', '.join(map(repr, others))})"
    return (
        Reason("with a later delete", "deletes", which, "state IS DISTINCT FROM 'deleted'"),
        Reason("with a newer version", dataset, "operation = 'update'", "state IS NULL"),
    )


def cut(hours: Iterable[tuple[datetime, int]], at_once: int) -> list[Hours]:
    """Hours in order, with their rows, in parts of at most so many rows, or of one hour."""
    parts: list[Hours] = []
    held = 0
    for hour, rows in hours:
        if parts and (hour == parts[-1].last or held + rows <= at_once):
            parts[-1] = Hours(parts[-1].first, hour)
            held += rows
        else:
            parts.append(Hours(hour, hour))
            held = rows
    return parts


def _digest(paths: Iterable[str]) -> str:
    return sha256(" ".join(paths).encode()).hexdigest()
