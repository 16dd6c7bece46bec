"""The rows that batches counted against the rows that files hold, by hour and by dataset.

A batch counts each row that it writes, by minute of `seen` and by dataset, and compaction keeps rows. So the counts of
all committed batches equal those of the listed files, which hold less only where retention has removed files. Buffer
ids are clock milliseconds: gaps between batches mean nothing. Labels are of no batch.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from lake.models import BatchRun, DataFile, Retention
from lake.verify.checked_lake import CheckedLake
from lake.verify.findings import Finding
from lake.verify.runner import Task

MOST_FAILED_NOTED = 20
FEWER = "look for deduplicated rows or a retention in the log of compact_lake; else restore them from a backup"
MORE = "look for duplicates above; else restore the catalog and the lake from the same backup"

# Each comparison is one statement: a snapshot of both sides while the flusher commits.
_DIFFERENCES = """
    SELECT part, sum(counted), sum(held) FROM (
        SELECT {part_of_key} AS part, value AS counted, 0 AS held
        FROM {{runs}}, json_each({{runs}}.{counts}) WHERE state = 'committed'
        UNION ALL
        SELECT {part_of_file}, 0, rows FROM {{files}} WHERE superseded_at IS NULL AND dataset <> 'labels'
    ) GROUP BY part HAVING sum(counted) <> sum(held) ORDER BY part
"""
_HOUR_OF_FILE = "strftime('%%Y-%%m-%%dT%%H', hour)"
_BY_HOUR = _DIFFERENCES.format(part_of_key="substr(key, 1, 13)", counts="minutes", part_of_file=_HOUR_OF_FILE)
_BY_DATASET = _DIFFERENCES.format(part_of_key="key", counts="rows", part_of_file="dataset")
_UNBALANCED = """
    SELECT id, events, duplicates, dead_letters, counted FROM (
        SELECT id, events, duplicates, dead_letters,
            (SELECT coalesce(sum(value), 0) FROM json_each({runs}.rows)) AS counted
        FROM {runs} WHERE state = 'committed'
    ) WHERE events <> duplicates + dead_letters + counted ORDER BY id
"""


class BatchChecks:
    title = "sums of batches"

    def __init__(self, lake: CheckedLake) -> None:
        self._report = lake.report

    def tasks(self) -> list[Task]:
        checks = (_hours, _datasets, _unbalanced, self._note_failed)
        return [Task("batches", "", check) for check in checks]

    def _note_failed(self) -> list[Finding]:
        """A failed batch loses nothing: it is retried, whole or in halves, down to the one event that is set aside."""
        failed = BatchRun.objects.filter(state=BatchRun.State.FAILED)
        count = failed.count()
        self._report.notes += [
            f"batch {run.pk} failed at {run.started_at:%Y-%m-%d %H:%M:%S} and was retried: {run.error}"
            for run in failed.order_by("-started_at")[:MOST_FAILED_NOTED]
        ]
        if count > MOST_FAILED_NOTED:
            self._report.notes.append(f"{count - MOST_FAILED_NOTED:,} earlier batches failed too")
        return []


def _hours() -> Iterator[Finding]:
    expired_before = _expired_before()
    for hour, counted, held in _rows(_BY_HOUR):
        moment = datetime.fromisoformat(hour).replace(tzinfo=UTC)
        yield from _difference(f"hour {moment:%Y-%m-%d %H:%M}", counted, held, moment < expired_before)


def _datasets() -> Iterator[Finding]:
    expiring = set(Retention.objects.filter(days__gt=0).values_list("dataset", flat=True))
    for dataset, counted, held in _rows(_BY_DATASET):
        yield from _difference(dataset, counted, held, dataset in expiring)


def _unbalanced() -> Iterator[Finding]:
    for id_, events, duplicates, dead_letters, counted in _rows(_UNBALANCED):
        outcome = f"{counted} rows, {duplicates} duplicates and {dead_letters} dead letters"
        yield Finding(f"batch {id_}", f"took {events} entries, which became {outcome}", "report it")


def _difference(subject: str, counted: int, held: int, may_lack: bool) -> Iterator[Finding]:
    if held > counted:
        yield Finding(subject, f"holds {held - counted} rows more than the {counted} that batches wrote", MORE)
    elif not may_lack:
        yield Finding(subject, f"lacks {counted - held} of the {counted} rows that batches wrote", FEWER)


def _expired_before() -> datetime:
    """Retention may have removed rows of some dataset that were seen before this time."""
    days = Retention.objects.filter(days__gt=0).order_by("days").values_list("days", flat=True).first()
    return datetime.min.replace(tzinfo=UTC) if days is None else datetime.now(UTC) - timedelta(days=days)


def _rows(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql.format(runs=BatchRun._meta.db_table, files=DataFile._meta.db_table), [])
        return list(cursor.fetchall())
