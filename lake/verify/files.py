"""Each listed file: its bytes, its rows and its columns against the catalog, and records against their CIDs.

What a file's bytes contradict makes all that they say worthless: the checks go from the outside in.
"""

import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from ingest.events import record_cid
from lake.catalog import listing
from lake.compact.rewrite import KEPT_WHEN_PURGED
from lake.errors import LakeError
from lake.models import DataFile
from lake.schema import DATASETS, STATEFUL, Dataset
from lake.storage import derived_cids, disk, layout, record_rebuild
from lake.storage.duckdb_engine import Engine, Unreadable
from lake.storage.layout import HOUR
from lake.verify.runner import Finding, Report, Stage, Task
from process import instants

RESTORE = "restore it from a backup"
ONE_BACKUP = "restore the catalog and the lake from one backup"
WRONG_CID = "keep the file and look at how the record came: the sender or we changed it"

_FACTS = """
    SELECT count(*), epoch_us(min(seen)), epoch_us(max(seen)), epoch_us(min(created_at)), epoch_us(max(created_at))
    FROM read_parquet($1, hive_partitioning = false)"""
COLUMNS = "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM read_parquet($1, hive_partitioning = false))"


class FileChecks:
    def __init__(self, root: Path, engine: Engine, report: Report, cids: int) -> None:
        self._root, self._engine, self._report, self._cids = root, engine, report, cids

    def stage(self) -> Stage:
        return Stage("files", self._tasks)

    def _tasks(self) -> list[Task]:
        listed = listing.all_files().values_list("pk", "path", "sha256")
        return [
            Task(path, f"file {pk} {sha256} {self._cids}", partial(self._check, pk, path))
            for pk, path, sha256 in listed
        ]

    def _check(self, pk: int, path: str) -> Iterator[Finding]:
        file = listing.all_files().filter(pk=pk).first()
        if file is None:  # compacted meanwhile
            self._report.files.pop(path, None)
            self._report.unsound.discard(path)
            return
        self._report.files[file.path] = file.rows, file.bytes
        self._report.unsound.add(file.path)
        try:
            unsound = self._unsound(file, DATASETS[file.dataset])
            wrong = [] if unsound else list(self._wrong(file, DATASETS[file.dataset]))
        except (Unreadable, LakeError) as error:
            unsound, wrong = f"can't be read ({error})", []
        if unsound:
            yield Finding(file.path, unsound, RESTORE)
        else:
            self._report.unsound.discard(file.path)
        yield from wrong

    def _unsound(self, file: DataFile, dataset: Dataset) -> str:
        """Why its rows can't be believed."""
        path = self._root / file.path
        if not path.is_file():
            return f"is missing with its {file.rows} rows"
        if (size := path.stat().st_size) != file.bytes:
            return f"has {size} bytes, the catalog says {file.bytes}"
        if (found := disk.sha256(path)) != file.sha256:
            return f"has the sha256 {found}, the catalog says {file.sha256}"
        return wrong_column(dataset, dict(self._engine.rows(COLUMNS, [str(path)])))

    def _wrong(self, file: DataFile, dataset: Dataset) -> Iterator[Finding]:
        path = str(self._root / file.path)
        yield from _wrong_facts(file, self._engine.rows(_FACTS, [path])[0])
        if dataset.name in STATEFUL:
            yield from self._wrong_states(file, dataset, path)
        if self._cids and dataset.name not in ("deletes", "accounts"):  # these have no record
            yield from self._wrong_cids(file, dataset, path)

    def _wrong_states(self, file: DataFile, dataset: Dataset, path: str) -> Iterator[Finding]:
        """A deleted row has lost all that its author wrote, unless the catalog knows that it has not."""
        held = " OR ".join(f"{name} IS NOT NULL" for name in dataset.names if name not in KEPT_WHEN_PURGED)
        sql = f"SELECT count(*) FROM read_parquet($1, hive_partitioning = false) WHERE state = 'deleted' AND ({held})"
        ((kept,),) = self._engine.rows(sql, [path])
        if kept != file.unpurged:
            what = f"holds {kept} deleted rows with text, the catalog says {file.unpurged}"
            yield Finding(file.path, what, "report it: compact_lake purges what the catalog knows of")

    def _wrong_cids(self, file: DataFile, dataset: Dataset, path: str) -> Iterator[Finding]:
        """Of up to so many neighbouring rows that have a CID, from another place of the file at each run; and of a row
        group those that the file leaves out."""
        if derived_cids.are_derived(dataset):
            made, right = derived_cids.check_group(Path(path), dataset)
            self._report.cids += made
            if not right:
                yield Finding(file.path, "has rows whose CIDs are not those that were left out of it", RESTORE)
        start = random.randint(0, max(0, file.rows - self._cids))  # noqa: S311 - a sample, no secret
        select = ", ".join(f"{column.name}::{column.type}" for column in dataset.columns)
        sql = (
            f"SELECT {select} FROM read_parquet($1, hive_partitioning = false, file_row_number = true) "
            "WHERE file_row_number >= $2 AND file_row_number < $3 AND cid <> ''"
        )
        for rows in self._engine.stream(sql, [path, start, start + self._cids]):
            for row in rows:
                yield from self._wrong_cid(file, dataset, dict(zip(dataset.names, row, strict=True)))

    def _wrong_cid(self, file: DataFile, dataset: Dataset, row: dict[str, Any]) -> Iterator[Finding]:
        try:
            cid = record_cid(record_rebuild.event(dataset.name, row)["commit"].get("record"))
        except ValueError:
            self._report.no_cid += 1
            return
        self._report.cids += 1
        if cid != row["cid"]:
            uri = f"at://{row['did']}/{dataset.collection or row['collection']}/{row['rkey']}"
            what = f"{uri} at rev {row['rev']} hashes to {cid}, its cid is {row['cid']}"
            yield Finding(file.path, what, WRONG_CID)


def wrong_column(dataset: Dataset, found: dict[str, str]) -> str:
    """What keeps these columns, types by name, from being the dataset's; empty: nothing."""
    for column in dataset.columns:
        type_ = "TIMESTAMP WITH TIME ZONE" if column.type == "TIMESTAMP" else column.type
        if column.name not in found:
            return f"has no column {column.name}"
        if found[column.name] != type_:
            return f"has the column {column.name} as {found[column.name]}, not {type_}"
    return ""


def _wrong_facts(file: DataFile, facts: tuple[Any, ...]) -> Iterator[Finding]:
    rows, *times = facts
    moments = [None if us is None else instants.utc(us) for us in times]
    if rows != file.rows:
        yield Finding(file.path, f"holds {rows} rows, the catalog says {file.rows}", ONE_BACKUP)
    for name, found in zip(("min_seen", "max_seen", "min_created", "max_created"), moments, strict=True):
        if found != getattr(file, name):
            yield Finding(file.path, f"has the {name} {found}, the catalog says {getattr(file, name)}", ONE_BACKUP)
    if (file.hour, layout.partition(file.dataset, file.hour)) != (
        file.hour.replace(minute=0, second=0, microsecond=0),
        file.path.rpartition("/")[0],
    ):
        yield Finding(file.path, f"is not in the folder of its hour {file.hour:%Y-%m-%d %H}:00", ONE_BACKUP)
    elif moments[0] and moments[1] and not file.hour <= moments[0] <= moments[1] < file.hour + HOUR:
        yield Finding(file.path, f"has rows seen from {moments[0]} to {moments[1]}, outside its hour", ONE_BACKUP)
