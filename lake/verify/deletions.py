"""What was deleted or replaced a day ago is marked in all files. files.py checks that marked rows lost their text.

The proof is in the rows: the lake's deletes, updates and account events against its posts, profiles and records. The
catalog's tombstones are not used.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import product
from typing import NamedTuple

from lake.catalog import listing
from lake.models import DataFile
from lake.schema import DATASETS, STATEFUL, deletes_of
from lake.verify.checked_lake import CheckedLake, age, digest, is_compacted
from lake.verify.findings import Finding
from lake.verify.runner import Task
from process import instants

APPLIED_WITHIN = timedelta(hours=24)  # what arrived earlier must show in all files
KEYS_AT_ONCE = 500_000  # deletes, updates or account events of one query: about 150 MB
ROWS_AT_ONCE = 50_000_000  # that they are compared with: so much is repeated after a kill
COMPACT = "run compact_lake --once"

_COUNT_BY_FILE = """
    SELECT filename, count(*) FROM named_lake_rows($1)
    WHERE {condition} GROUP BY filename
"""
# Records are identified by two 64-bit hashes, which bounds the memory whatever their names are.
_OUTDATED = """
    WITH newer AS MATERIALIZED (
        SELECT hash(did, {newer_collection}, rkey) AS hash1, hash(rkey, did) AS hash2,
            max(rev) AS rev, min(seen) AS seen
        FROM lake_rows($newer) WHERE {condition} GROUP BY ALL
    )
    SELECT filename, count(*), epoch_us(min(newer.seen)), any_value(concat_ws('/', s.did, {collection}, s.rkey))
    FROM named_lake_rows($files) AS s
    JOIN newer ON hash1 = hash(s.did, {collection}, s.rkey) AND hash2 = hash(s.rkey, s.did) AND newer.rev > s.rev
    WHERE {unmarked} GROUP BY filename ORDER BY filename
"""
_OF_DELETED_ACCOUNTS = """
    WITH event AS (
        SELECT hash(did) AS hash1, hash(did, '') AS hash2, seen, filename IN (SELECT unnest($due)) AS due,
            status IS NOT DISTINCT FROM 'deleted' AND NOT active AS deleted,
            (coalesce(epoch_us(created_at), epoch_us(seen)), coalesce(seq, 0)) AS position
        FROM named_lake_rows($accounts)
        WHERE kind = 'account' AND active IS NOT NULL AND hash(did) % $parts = $part
    ), deleted_account AS MATERIALIZED (
        SELECT hash1, hash2, max_by(seen, position) AS seen FROM event
        GROUP BY hash1, hash2 HAVING max_by(due AND deleted, position)
    )
    SELECT filename, count(*), epoch_us(min(deleted_account.seen)), any_value(s.did)
    FROM named_lake_rows($files) AS s
    JOIN deleted_account ON hash1 = hash(s.did) AND hash2 = hash(s.did, '')
    WHERE s.state IS DISTINCT FROM 'deleted' GROUP BY filename ORDER BY filename
"""


class Rule(NamedTuple):
    """Rows of the dataset `source` that meet `condition` outdate older versions of their record. `unmarked`: SQL of an
    older version whose state does not show it."""

    reason: str
    source: str
    condition: str
    unmarked: str


class HourRange(NamedTuple):
    """Both included."""

    first: datetime
    last: datetime


class DeletionChecks:
    title = "checks for deletes and newer versions"

    def __init__(self, lake: CheckedLake, purge_deleted: bool) -> None:
        self._lake, self._purge_deleted = lake, purge_deleted

    def tasks(self) -> list[Task]:
        tasks = [Task("posts", "", _unpurged)] if self._purge_deleted else []
        for dataset in STATEFUL:
            parts = partition_hours(((file.hour, file.rows) for file in self._settled(dataset)), ROWS_AT_ONCE)
            for rule in rules(dataset):
                for newer, hours in product(self._newer(rule), parts):
                    files = [*self._due(rule.source, newer), *self._settled(dataset, hours)]
                    key = f"states {dataset} {rule.reason} {digest(files)}"
                    tasks.append(
                        Task(f"{dataset} {rule.reason}", key, partial(self._check, dataset, rule, newer, hours))
                    )
            check = partial(self._of_deleted_accounts, dataset)
            tasks.append(Task(f"{dataset} of deleted accounts", "", check))
        return tasks

    def _newer(self, rule: Rule) -> list[HourRange]:
        """The source's hours in parts of at most KEYS_AT_ONCE rows that meet the condition."""
        files = {str(self._lake.root / file.path): file for file in self._due(rule.source)}
        sql = _COUNT_BY_FILE.format(condition=rule.condition)
        counts = dict(self._lake.engine.rows(sql, [list(files)])) if files else {}
        return partition_hours(((files[path].hour, rows) for path, rows in sorted(counts.items())), KEYS_AT_ONCE)

    def _check(self, dataset: str, rule: Rule, newer: HourRange, hours: HourRange) -> Iterator[Finding]:
        collection = DATASETS[dataset].collection
        sql = _OUTDATED.format(
            newer_collection="collection" if rule.source == "deletes" or not collection else f"'{collection}'",
            collection=f"'{collection}'" if collection else "s.collection",
            condition=rule.condition,
            unmarked=rule.unmarked,
        )
        values = {
            "newer": self._lake.absolute(self._due(rule.source, newer)),
            "files": self._lake.absolute(self._settled(dataset, hours)),
        }
        if all(values.values()):
            yield from self._findings(self._lake.engine.rows(sql, values), rule.reason)

    def _of_deleted_accounts(self, dataset: str) -> Iterator[Finding]:
        accounts = self._files("accounts")
        values = {
            "accounts": self._lake.absolute(accounts),
            "due": self._lake.absolute(self._due("accounts")),
            "files": self._lake.absolute(self._settled(dataset)),
        }
        if not all(values.values()):
            return
        parts = sum(file.rows for file in accounts) // KEYS_AT_ONCE + 1
        for part in range(parts):
            rows = self._lake.engine.rows(_OF_DELETED_ACCOUNTS, {**values, "parts": parts, "part": part})
            yield from self._findings(rows, "of deleted accounts")

    def _findings(self, rows: Iterable[tuple[str, int, int, str]], reason: str) -> Iterator[Finding]:
        """`rows`: file, number of unmarked rows, `seen` of the oldest delete in microseconds, an example."""
        for path, count, since_us, example in rows:
            hours = (datetime.now(UTC) - instants.utc(since_us)) / timedelta(hours=1)
            problem = f"has {count} unmarked rows {reason}, the oldest for {hours:.0f} h, such as {example}"
            yield Finding(self._lake.relative(path), problem, COMPACT)

    def _due(self, dataset: str, hours: HourRange | None = None) -> list[DataFile]:
        """Files whose rows arrived so long ago that they must have had their effect."""
        return [file for file in self._files(dataset, hours) if age(file) > APPLIED_WITHIN]

    def _settled(self, dataset: str, hours: HourRange | None = None) -> list[DataFile]:
        """Files that must show all due deletes: those that compaction wrote, and the others after APPLIED_WITHIN."""
        return [file for file in self._files(dataset, hours) if is_compacted(file) or age(file) > APPLIED_WITHIN]

    def _files(self, dataset: str, hours: HourRange | None = None) -> list[DataFile]:
        listed = listing.files_of(dataset).order_by("hour", "path").select_related("batch")
        return self._lake.intact(listed.filter(hour__gte=hours.first, hour__lte=hours.last) if hours else listed)


def rules(dataset: str) -> tuple[Rule, ...]:
    """A later delete and a later update. Creates are left out: a delete, seen or lost, precedes a second one."""
    return (
        Rule("with a later delete", "deletes", deletes_of(dataset), "state IS DISTINCT FROM 'deleted'"),
        Rule("with a newer version", _versions_of(dataset), "operation = 'update'", "state IS NULL"),
    )


def _versions_of(dataset: str) -> str:
    """The dataset whose newer versions outdate its rows: itself, or posts for their labels."""
    return "posts" if dataset == "labels" else dataset


def partition_hours(hours: Iterable[tuple[datetime, int]], most_rows: int) -> list[HourRange]:
    """Ascending (hour, rows) in ranges of at most `most_rows`, or of a single hour."""
    ranges: list[HourRange] = []
    held = 0
    for hour, rows in hours:
        if ranges and (hour == ranges[-1].last or held + rows <= most_rows):
            ranges[-1] = HourRange(ranges[-1].first, hour)
            held += rows
        else:
            ranges.append(HourRange(hour, hour))
            held = rows
    return ranges


def _unpurged() -> Iterator[Finding]:
    """FileChecks has compared this count of the catalog with the rows."""
    for file in DataFile.listed.filter(unpurged__gt=0):
        yield Finding(file.path, f"holds {file.unpurged} deleted rows with text, purge_deleted is on", COMPACT)
