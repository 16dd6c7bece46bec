"""The files that somebody has chosen, on request: bytes, checksum, columns, rows and times, as verify_lake has them."""

from collections.abc import Callable, Sequence
from pathlib import Path

from lake.storage.duckdb_engine import Engine
from lake.verify import runner
from lake.verify.checked_lake import CheckedLake
from lake.verify.files import FileChecks
from lake.verify.findings import Report
from process import heartbeats

MEMORY = "300MB"
SHOWN = 20  # differences in the result


def verify_files(root: Path, paths: Sequence[str], threads: int, stop: Callable[[], bool]) -> str | None:
    """What differs, as lines; None if a stop has cut it short. Files that were replaced meanwhile are counted."""
    report, engine = Report(), Engine(MEMORY, threads)
    try:
        for task in FileChecks(CheckedLake(root, engine, report), 0, paths).tasks():
            if stop():
                return None
            heartbeats.work(f"verifies {task.subject}")
            report.findings += runner.confirmed(task)
    finally:
        engine.close()
    return _lines(report, len(paths))


def _lines(report: Report, asked: int) -> str:
    found, gone = report.findings, asked - len(report.files)
    compared = f"{len(report.files):,} files, {report.rows:,} rows, {report.bytes:,} bytes"
    lines = [f"{len(found):,} differences in {compared}:" if found else f"OK: {compared}."]
    lines += [str(finding) for finding in found[:SHOWN]]
    if len(found) > SHOWN:
        lines.append(f"and {len(found) - SHOWN:,} more: run verify_lake")
    if gone:
        lines.append(f"{gone:,} are listed no more: compaction has replaced them.")
    return "\n".join(lines)
