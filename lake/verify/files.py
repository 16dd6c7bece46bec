"""Each listed file against the catalog: bytes, rows, columns, times; and records against their CIDs.

From the outside in: rows of a file with wrong bytes are not read.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ingest.events import record_cid
from lake.compact import rewrite_sql
from lake.errors import LakeError
from lake.models import DataFile
from lake.schema import DATASETS, STATEFUL, Dataset
from lake.storage import derived_cids, disk, layout, parquet_writer, record_rebuild
from lake.storage.duckdb_engine import Engine, Unreadable
from lake.storage.layout import HOUR
from lake.storage.parquet_columns import wrong_column
from lake.verify.checked_lake import CheckedLake, random_slice
from lake.verify.findings import Finding, Report
from lake.verify.runner import Task, confirmed
from process import heartbeats, instants

RESTORE = "restore it from a backup"
ONE_BACKUP = "restore the catalog and the lake from the same backup"
WRONG_CID = "keep the file and find out how the record came: its sender or this software changed it"

CHOSEN_MEMORY = "300MB"  # of DuckDB, for files that somebody has chosen
SHOWN = 20  # differences in the answer to him

_SUMMARY = """
    SELECT count(*), epoch_us(min(seen)), epoch_us(max(seen)), epoch_us(min(created_at)), epoch_us(max(created_at))
    FROM lake_rows($1)
"""
_ROWS_OF_FOOTER = "SELECT sum(num_rows)::BIGINT FROM parquet_file_metadata($1)"
_UNPURGED = """
    SELECT count(*) FROM lake_rows($1)
    WHERE state = 'deleted' AND ({has_text})
"""
_RECORDS = """
    SELECT {columns} FROM numbered_lake_rows($1)
    WHERE file_row_number >= $2 AND file_row_number < $3 AND cid <> ''
"""


class FileChecks:
    """`cids`: how many records of each file are hashed. `quick`: sizes and footers only, without a row or a sha256.
    `only`: the paths of the files to check; None: all."""

    title = "files"

    def __init__(self, lake: CheckedLake, cids: int, quick: bool = False, only: Collection[str] | None = None) -> None:
        self._lake, self._cids, self._quick, self._only = lake, cids, quick, only

    def tasks(self) -> list[Task]:
        files = DataFile.listed.all() if self._only is None else DataFile.listed.filter(path__in=self._only)
        listed = files.values_list("pk", "path", "sha256")
        return [
            Task(path, f"file {pk} {sha256} {self._cids}", partial(self._check, pk, path))
            for pk, path, sha256 in listed
        ]

    def _check(self, pk: int, path: str) -> Iterator[Finding]:
        report = self._lake.report
        file = DataFile.listed.filter(pk=pk).first()
        if file is None:  # compacted meanwhile
            report.files.pop(path, None)
            report.damaged.discard(path)
            return
        report.files[path] = file.rows, file.bytes
        report.damaged.add(path)
        try:
            damage = self._damage(file, DATASETS[file.dataset])
            differences = [] if damage else list(self._differences(file, DATASETS[file.dataset]))
        except (Unreadable, LakeError) as error:
            damage, differences = f"can't be read ({error})", []
        if damage:
            yield Finding(path, damage, RESTORE)
        else:
            report.damaged.discard(path)
            yield from differences

    def _damage(self, file: DataFile, dataset: Dataset) -> str:
        """Why its rows can't be trusted; empty if they can."""
        path = self._lake.root / file.path
        if not path.is_file():
            return f"is missing with its {file.rows} rows"
        if (size := path.stat().st_size) != file.bytes:
            return f"has {size} bytes, the catalog says {file.bytes}"
        if not self._quick and (digest := disk.sha256(path)) != file.sha256:
            return f"has the sha256 {digest}, the catalog says {file.sha256}"
        return wrong_column(self._lake.engine, path, dataset)

    def _differences(self, file: DataFile, dataset: Dataset) -> Iterator[Finding]:
        path = str(self._lake.root / file.path)
        if self._quick:
            yield from _wrong_rows(file, self._lake.engine.rows(_ROWS_OF_FOOTER, [path])[0][0])
            return
        yield from _wrong_summary(file, self._lake.engine.rows(_SUMMARY, [path])[0])
        if (late := parquet_writer.late_rows(Path(path))) != file.late_rows:
            yield Finding(file.path, f"has {late} late rows, the catalog says {file.late_rows}", ONE_BACKUP)
        if dataset.name in STATEFUL:
            yield from self._wrong_unpurged(file, dataset, path)
        if self._cids and dataset.are_records:
            yield from self._wrong_derived_cids(file, dataset, path)
            yield from self._wrong_cids(file, dataset, path)

    def _wrong_unpurged(self, file: DataFile, dataset: Dataset, path: str) -> Iterator[Finding]:
        """Deleted rows hold none of their content, except as many as the catalog says."""
        sql = _UNPURGED.format(has_text=rewrite_sql.has_text(dataset))
        ((unpurged,),) = self._lake.engine.rows(sql, [path])
        if unpurged != file.unpurged:
            problem = f"holds {unpurged} deleted rows with text, the catalog says {file.unpurged}"
            yield Finding(file.path, problem, "report it: compact_lake purges what the catalog counts")

    def _wrong_derived_cids(self, file: DataFile, dataset: Dataset, path: str) -> Iterator[Finding]:
        """Of one row group, taken at random: those that the file leaves out."""
        if derived_cids.are_derived(dataset):
            derived, right = derived_cids.check_group(Path(path), dataset)
            self._lake.report.cids += derived
            if not right:
                yield Finding(file.path, "has rows whose derived CIDs differ from those that were removed", RESTORE)

    def _wrong_cids(self, file: DataFile, dataset: Dataset, path: str) -> Iterator[Finding]:
        """Of neighbouring rows, taken at random: those that the file stores."""
        rows = random_slice(file.rows, self._cids)
        columns = dict(dataset.in_every_file)
        sql = _RECORDS.format(columns=", ".join(f"{name}::{type_}" for name, type_ in columns.items()))
        for batch in self._lake.engine.stream(sql, [path, rows.start, rows.stop]):
            for row in batch:
                yield from self._wrong_cid(file, dataset, dict(zip(columns, row, strict=True)))

    def _wrong_cid(self, file: DataFile, dataset: Dataset, row: dict[str, Any]) -> Iterator[Finding]:
        try:
            cid = record_cid(record_rebuild.event(dataset.name, row)["commit"].get("record"))
        except ValueError:
            self._lake.report.no_cid += 1
            return
        self._lake.report.cids += 1
        if cid != row["cid"]:
            uri = f"at://{row['did']}/{dataset.collection or row['collection']}/{row['rkey']}"
            problem = f"{uri} at rev {row['rev']} hashes to {cid}, its cid is {row['cid']}"
            yield Finding(file.path, problem, WRONG_CID)


def _wrong_rows(file: DataFile, rows: int) -> Iterator[Finding]:
    if rows != file.rows:
        yield Finding(file.path, f"holds {rows} rows, the catalog says {file.rows}", ONE_BACKUP)


def _wrong_summary(file: DataFile, summary: tuple[Any, ...]) -> Iterator[Finding]:
    """`summary`: a row of _SUMMARY."""
    rows, *times = summary
    moments = [None if us is None else instants.utc(us) for us in times]
    yield from _wrong_rows(file, rows)
    for name, moment in zip(("min_seen", "max_seen", "min_created", "max_created"), moments, strict=True):
        if moment != getattr(file, name):
            yield Finding(file.path, f"has the {name} {moment}, the catalog says {getattr(file, name)}", ONE_BACKUP)
    folder, full_hour = file.path.rpartition("/")[0], file.hour.replace(minute=0, second=0, microsecond=0)
    if folder != layout.partition(file.dataset, file.hour) or file.hour != full_hour:
        yield Finding(file.path, f"is not in the folder of its hour {file.hour:%Y-%m-%d %H}:00", ONE_BACKUP)
    elif moments[0] and moments[1] and not file.hour <= moments[0] <= moments[1] < file.hour + HOUR:
        yield Finding(file.path, f"has rows seen from {moments[0]} to {moments[1]}, outside its hour", ONE_BACKUP)


def verify_files(root: Path, paths: Sequence[str], threads: int, stop: Callable[[], bool]) -> str | None:
    """Checks the files that somebody has chosen. What differs, as lines; None if a stop has cut it short."""
    report, engine = Report(), Engine(CHOSEN_MEMORY, threads)
    try:
        for task in FileChecks(CheckedLake(root, engine, report), 0, only=paths).tasks():
            if stop():
                return None
            heartbeats.work(f"verifies {task.subject}")
            report.findings += confirmed(task)
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
