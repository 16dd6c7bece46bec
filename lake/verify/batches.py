"""What the batches say they wrote against what the files hold: hour by hour, and dataset by dataset.

A row is written by one batch, which counted it under the minute of its seen and under its dataset, and compaction keeps
it. So the counts of the committed batches are those of the listed files, but where retention has removed some: there
the files may hold less. Ids of the buffer are clock milliseconds: that some are missing between two batches says
nothing.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import connection

from lake.models import BatchRun, DataFile, Retention
from lake.verify.runner import Finding, Report, Stage, Task

MOST_FAILED_REPORTED = 20
FEWER = "look in the log of compact_lake for folded rows or for a retention; else restore them from a backup"
MORE = "look for repeats above; else restore the catalog and the lake from one backup"

# One statement, so that both sides are of one moment while the flusher commits.
_HOURS = """
    SELECT hour, sum(written), sum(held) FROM (
        SELECT substr(key, 1, 13) AS hour, value AS written, 0 AS held
        FROM {runs}, json_each({runs}.minutes) WHERE state = 'committed'
        UNION ALL
        SELECT strftime('%%Y-%%m-%%dT%%H', hour), 0, rows FROM {files} WHERE superseded_at IS NULL
    ) GROUP BY hour HAVING sum(written) <> sum(held) ORDER BY hour
"""
_DATASETS = """
    SELECT dataset, sum(written), sum(held) FROM (
        SELECT key AS dataset, value AS written, 0 AS held
        FROM {runs}, json_each({runs}.rows) WHERE state = 'committed'
        UNION ALL
        SELECT dataset, 0, rows FROM {files} WHERE superseded_at IS NULL
    ) GROUP BY dataset HAVING sum(written) <> sum(held) ORDER BY dataset
"""
_BATCHES = """
    SELECT id, events, duplicates, dead_letters, written FROM (
        SELECT id, events, duplicates, dead_letters,
            (SELECT coalesce(sum(value), 0) FROM json_each({runs}.rows)) AS written
        FROM {runs} WHERE state = 'committed'
    ) WHERE events <> duplicates + dead_letters + written ORDER BY id
"""


class BatchChecks:
    def __init__(self, report: Report) -> None:
        self._report = report

    def stage(self) -> Stage:
        return Stage("sums of batches", self._tasks)

    def _tasks(self) -> list[Task]:
        checks = (self._hours, self._datasets, self._batches)
        self._note_failed()
        return [Task("batches", "", check) for check in checks]

    def _hours(self) -> Iterator[Finding]:
        removed_before = _removed_before()
        for hour, written, held in _rows(_HOURS):
            moment = datetime.fromisoformat(hour).replace(tzinfo=UTC)
            yield from _different(f"hour {moment:%Y-%m-%d %H:%M}", written, held, moment < removed_before)

    def _datasets(self) -> Iterator[Finding]:
        kept = set(Retention.objects.filter(days__gt=0).values_list("dataset", flat=True))
        for dataset, written, held in _rows(_DATASETS):
            yield from _different(dataset, written, held, dataset in kept)

    def _batches(self) -> Iterator[Finding]:
        for id_, events, duplicates, dead_letters, written in _rows(_BATCHES):
            came = f"{written} rows, {duplicates} duplicates and {dead_letters} dead letters"
            yield Finding(f"batch {id_}", f"took {events} entries, of which came {came}", "report it")

    def _note_failed(self) -> None:
        """A failed batch is no loss: it is taken again, or in halves, down to the event that is set aside."""
        failed = BatchRun.objects.filter(state=BatchRun.State.FAILED)
        count = failed.count()
        told = [
            f"batch {run.pk} failed at {run.started_at:%Y-%m-%d %H:%M:%S} and was tried again: {run.error}"
            for run in failed.order_by("-started_at")[:MOST_FAILED_REPORTED]
        ]
        if count > MOST_FAILED_REPORTED:
            told.append(f"{count - MOST_FAILED_REPORTED:,} batches before these failed, too")
        self._report.notes += told


def _different(thing: str, written: int, held: int, may_lack: bool) -> Iterator[Finding]:
    if held > written:
        yield Finding(thing, f"holds {held - written} rows more than the {written} that batches wrote", MORE)
    elif not may_lack:
        yield Finding(thing, f"lacks {written - held} of the {written} rows that batches wrote", FEWER)


def _removed_before() -> datetime:
    """Before that retention may have removed hours of some dataset."""
    days = Retention.objects.filter(days__gt=0).order_by("days").values_list("days", flat=True).first()
    return datetime.min.replace(tzinfo=UTC) if days is None else datetime.now(UTC) - timedelta(days=days)


def _rows(sql: str) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql.format(runs=BatchRun._meta.db_table, files=DataFile._meta.db_table), [])
        return list(cursor.fetchall())
