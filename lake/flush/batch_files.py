"""The files of a batch: one for each dataset and hour, written side by side, named together, or withdrawn."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from lake.catalog.clock import Turn
from lake.catalog.commits import NewFile
from lake.flush.dataset_rows import by_hour, rows_of
from lake.schema import Dataset
from lake.storage import disk, layout, parquet_writer
from lake.storage.duckdb_engine import Engine
from lake.storage.origin import Origin


class DatasetFiles(NamedTuple):
    files: list[NewFile]
    type_mismatches: int


def write(engine: Engine, root: Path, dataset: Dataset, events: pa.Table, origin: Origin, turn: Turn) -> DatasetFiles:
    """One file for each hour of the events, without a name yet; an error leaves none. `origin`: with its batch. May be
    called from several threads."""
    assert origin.batch is not None
    impossible = by_hour(events.filter(pc.is_valid(events["impossible_time_us"])))
    typed = rows_of(engine, dataset, events, turn)
    written: list[NewFile] = []
    try:
        for hour, rows in by_hour(typed.rows).items():
            at_ingest_time = impossible[hour].num_rows if hour in impossible else 0
            name = _free_name(root / layout.partition(dataset.name, hour), origin.batch.first_id)
            metadata = replace(origin, at_ingest_time=at_ingest_time).metadata()
            pending = parquet_writer.write(root, dataset, hour, name, rows, metadata)
            written.append(NewFile(pending, at_ingest_time))
    except BaseException:
        withdraw(root, written)
        raise
    return DatasetFiles(written, typed.type_mismatches)


def _free_name(folder: Path, first_id: str) -> str:
    """Buffer ids may come again, and a file of the lake never changes."""
    names = (layout.flush_name(first_id, attempt) for attempt in count())
    return next(name for name in names if not (folder / name).exists())


def publish(root: Path, files: Sequence[NewFile]) -> None:
    """Gives all files their names, or withdraws all."""
    try:
        for file in files:
            file.pending.publish()
    except BaseException:
        withdraw(root, files)
        raise


def withdraw(root: Path, files: Iterable[NewFile]) -> None:
    """Removes files of a batch that was not committed."""
    for pending, *_ in files:
        for name in (pending.name, layout.temporary_name(pending.name)):
            if (root / pending.folder / name).exists():
                disk.remove_file(root, Path(pending.folder) / name, "its batch was not committed")
