"""Writes labels of posts into the lake: one file for each hour, then one transaction that lists them all.

The third writer beside flusher and compactor. It runs under the lock LOCK, which its user takes first.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from django.db import transaction
from django.db.utils import DatabaseError

from lake.catalog import clock, commits, lake_root, orphans
from lake.catalog.clock import Turn
from lake.catalog.commits import NewFile
from lake.catalog.identity import Claim
from lake.errors import LakeUnusable
from lake.schema import DATASETS
from lake.storage import disk, layout, parquet_writer
from lake.storage.origin import Origin, Writer
from lake.storage.parquet_writer import PendingFile
from process.crash_points import crash_point
from process.instants import now_us

LOCK = "import_labels"
LABELS = DATASETS["labels"]
# What write() takes: the version of the post that a label is of, and what it says. All other columns follow.
INPUT = ("seen", "did", "rkey", "rev", "created_at", "name", "score", "value", "model", "version", "labelled_at")
MOST_ROWS = 1 << 24  # of one commit: `arrival` is its number, and the row's place in it
HOUR_US = 3_600_000_000


class LabelWriter:
    """All methods raise LakeUnusable if the lake or the catalog is at fault."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._claim = Claim(root, Writer.LABEL)

    def prepare(self) -> None:
        """To be called once, before the first write: removes what a killed writer left."""
        orphans.take_lake(self._root, self._claim, layout.is_label_file)

    def write(self, labels: pa.Table, also: Callable[[], None] = lambda: None) -> int:
        """Commits these labels, which have the columns INPUT, in order of arrival, and returns their number. `also`:
        what else becomes true in the same transaction, even without labels."""
        if not labels.num_rows:
            with transaction.atomic():
                also()
            return 0
        lake_root.require_lake_root(self._root)
        with clock.turn() as turn:
            self._commit(labels, turn, also)
        return int(labels.num_rows)

    def _commit(self, labels: pa.Table, turn: Turn, also: Callable[[], None]) -> None:
        pending = self._written(labels, turn)
        crash_point("label:written")
        self._publish(pending)
        crash_point("label:renamed")
        self._claim.check()
        try:
            commits.add_labels([NewFile(file, 0) for file in pending], self._claim.advance, turn, also)
        except DatabaseError as error:
            # The files stay: only the next start can tell whether the catalog lists them.
            raise LakeUnusable(f"The catalog can't be written ({error}): mend that, then start again.") from error
        crash_point("label:committed")
        self._claim.mark()

    def _written(self, labels: pa.Table, turn: Turn) -> list[PendingFile]:
        """Without names yet; an error leaves none."""
        commit = self._claim.next_commit()
        hours = list(by_hour(complete(labels, commit[2], turn.learned_us)))
        name = self._free_name([hour for hour, _ in hours])
        flushed, cursor = self._claim.now().flush, commits.checkpoint()
        metadata = Origin(*commit, flushed, cursor, labelled=commit[2], clock_us=turn.learned_us).metadata()
        pending: list[PendingFile] = []
        try:
            for hour, rows in hours:
                pending.append(parquet_writer.write(self._root, LABELS, hour, name, rows, metadata))
        except BaseException:
            self._withdraw(pending)
            raise
        return pending

    def _free_name(self, hours: list[datetime]) -> str:
        """One for all files of a commit, and never one that was used before."""
        ms = now_us() // 1000
        folders = [self._root / layout.partition(LABELS.name, hour) for hour in hours]
        while any((folder / layout.label_name(ms)).exists() for folder in folders):
            ms += 1
        return layout.label_name(ms)

    def _publish(self, pending: list[PendingFile]) -> None:
        try:
            for file in pending:
                file.publish()
        except BaseException:
            self._withdraw(pending)
            raise

    def _withdraw(self, pending: list[PendingFile]) -> None:
        for file in pending:
            for name in (file.name, layout.temporary_name(file.name)):
                with suppress(FileNotFoundError):
                    disk.remove_file(self._root, Path(file.folder) / name, "its labels were not committed")


def complete(labels: pa.Table, commit: int, learned_us: int) -> pa.Table:
    """All columns of the dataset, in its order, sorted as a compacted file is. `commit`: its number. `learned_us`: the
    moment from which on they exist; never before their posts."""
    if labels.num_rows > MOST_ROWS:
        raise ValueError(f"{labels.num_rows} labels are too many for one commit")
    schema = parquet_writer.schema(LABELS)
    count = labels.num_rows
    seen = labels["seen"].cast(pa.int64())
    columns = {name: labels[name] for name in INPUT} | {
        "learned": pc.max_element_wise(seen, learned_us).cast(pa.timestamp("us")),
        "operation": pa.array(["create"] * count, pa.string()),
        "arrival": pa.array(np.arange(count, dtype=np.int64) + commit * MOST_ROWS),
    }
    table = pa.table([columns.get(name, pa.nulls(count)) for name in schema.names], schema.names).cast(schema)
    return table.sort_by([(name, "ascending") for name in ("seen", "did", "rkey", "name", "model", "arrival")])


def by_hour(rows: pa.Table) -> Iterator[tuple[datetime, pa.Table]]:
    """Of rows that are sorted by seen."""
    hours = pc.divide(rows["seen"].cast(pa.int64()), HOUR_US).to_numpy()
    edges = [0, *(np.flatnonzero(np.diff(hours)) + 1).tolist(), len(hours)]
    for start, end in pairwise(edges):
        yield layout.hour_of(int(hours[start]) * HOUR_US), rows.slice(start, end - start)
