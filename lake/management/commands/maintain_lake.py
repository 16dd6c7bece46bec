"""Runs the daily check of the catalog, the daily backup and the weekly verification when they are due."""

import time
from collections.abc import Sequence
from typing import Any

import structlog
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db.utils import DatabaseError

from lake import checks
from lake.catalog import figures
from lake.errors import catalog_advice
from lake.storage import disk
from lake.upkeep import job_process, schedule
from lake.upkeep.schedule import Job
from process import heartbeats, records
from process.locks import only_one
from process.records import LastRun, errors_counted
from process.signals import Stop

log = structlog.get_logger("maintain_lake")

NAME = "maintain_lake"
POLL_SECONDS = 5.0  # between two looks at what is due
CATALOG_SECONDS = 30 + heartbeats.PATIENCE_SECONDS  # a locked catalog keeps it waiting
CIDS = 1000  # records of each file that the weekly verification hashes


class Command(BaseCommand):
    help = "Checks the catalog and backs up daily, verifies the lake weekly, at MAINTENANCE_HOUR, until SIGTERM."
    requires_system_checks = [checks.TAG]

    def handle(self, *args: Any, **options: Any) -> None:
        stop = Stop().listen()
        try:
            with errors_counted("maintenance"), only_one(NAME, stop):
                if not stop:
                    self._run(stop)
        except DatabaseError as error:
            raise CommandError(f"The catalog can't be used ({error}): {catalog_advice(error)}.") from error

    def _run(self, stop: Stop) -> None:
        if not settings.BACKUP_DIR:
            log.info("makes no backups: BACKUP_DIR is empty")
        jobs = schedule.jobs(settings.BACKUP_DIR, CIDS)
        with heartbeats.beating("maintenance"):
            loop(jobs, stop)


def loop(jobs: Sequence[Job], stop: Stop) -> None:
    own: dict[str, LastRun] = {}
    while not stop:
        heartbeats.beat("waits until a job is due", CATALOG_SECONDS)
        runs = {job.name: _newer(records.last_run(job.name), own.get(job.name)) for job in jobs}
        if job := schedule.first_due(jobs, runs, _began(), settings.MAINTENANCE_HOUR, time.time()):
            own[job.name] = _run_job(job, stop)
        else:
            stop.wait(POLL_SECONDS)


def _began() -> float | None:
    first = figures.first_batch()
    return None if first is None else first.timestamp()


def _newer(recorded: LastRun, own: LastRun | None) -> LastRun:
    """`own`: the run that this process saw end, in case its record could not be written: else it would be repeated."""
    return own if own is not None and (own.ended or 0) > (recorded.ended or 0) else recorded


def _run_job(job: Job, stop: Stop) -> LastRun:
    """The job records how it went; here, what it can't know of itself: that it was killed, or did not begin."""
    log.info("job begins", job=job.name)
    started, report = time.time(), records.job_report(job.name)
    with disk.disk_errors(report.parent):
        report.parent.mkdir(exist_ok=True)
        code = job_process.run(
            job.command, settings.BASE_DIR, report, stop, lambda: heartbeats.beat(f"runs the job {job.name}")
        )
    if code is None:
        log.info("job stopped: the next start repeats it", job=job.name)
        return records.last_run(job.name)
    if code and (records.last_run(job.name).ended or 0) < started:
        records.job_failed(job.name)
    said = {"job": job.name, "seconds": round(time.time() - started, 1), "result": job_process.result(code, report)}
    if code:
        log.error("job failed", **said, report=str(report))
    else:
        log.info("job done", **said)
    last = records.last_run(job.name)
    return LastRun(last.good if code else time.time(), bool(code), time.time())
