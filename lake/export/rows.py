"""The rows of an export: all visible hits of its search, slice by slice in order, in memory that does not grow with
their number."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import structlog

from lake.catalog.read_guard import superseded_if_replaced
from lake.errors import QueryTimeout, QueryTooLarge
from lake.export.columns import CID, LABELS, USERNAME
from lake.export.formats import Format, Table
from lake.export.label_cells import LABELLED, add_labels
from lake.export.made_columns import add_cids, add_usernames
from lake.export.pseudonyms import PseudonymRows, cells
from lake.export.spec import ExportSpec
from lake.query.spec import ResumePoint, SortKey
from lake.scan import hit, paged_scan
from lake.scan.index_pruning import IndexPruner, export_cost
from lake.scan.paged_scan import PagedScan, Slice
from lake.scan.scan_range import ScanRange
from lake.scan.search_sql import SearchSql, Statement
from lake.scan.visibility import visible_sql
from lake.search.post_labels import label_column
from lake.search.reader import Reader
from lake.search.sample import sample_bounds, sample_order, stretch
from lake.storage import derived_cids

log = structlog.get_logger("export")

MOST_ROWS = 32_768  # of a slice
SLICE_BYTES = 24 << 20  # of a slice in memory, if its rows are as large as those of the one before
FEWEST_ROWS = 100
FAILURES = 5  # in a row, each of which a smaller slice may avoid
MOST_HANDLES = 100_000  # kept from slice to slice, at some 250 bytes each
_KEY = [f"_{name}" for name in SortKey._fields]  # of a row, for the resume point
_ROW = "_row"  # all columns of a row, where its CID must be derived

FindHandles = Callable[[Sequence[str]], Mapping[str, str]]  # of DIDs: those that are known


class RowSlice(NamedTuple):
    """Rows, and the resume point below them."""

    rows: Table
    resume: ResumePoint


class ExportRows:
    """Iterate once. `start`: goes on from there. Raises QueryTimeout, QueryTooLarge and LakeUnusable."""

    def __init__(
        self, reader: Reader, spec: ExportSpec, form: Format, handles: FindHandles, start: ResumePoint | None = None
    ) -> None:
        self._reader, self._spec, self._form = reader, spec, form
        self._handles = HandleCache(handles)
        self._resume = start
        self._size = paged_scan.FIRST_ROWS
        self._left = spec.limit
        self._compiled = SearchSql(spec.search)
        self._columns = select_list(spec, cells(spec, form))
        self._hidden_names = None if spec.pseudonyms is None else PseudonymRows(reader, spec, spec.pseudonyms, form)
        self._sample = _sample_condition(reader, spec)

    def __iter__(self) -> Iterator[RowSlice]:
        """A slice that fails is read again with fewer rows; a search that gave nothing within its time limit fails."""
        failures, began = 0, False
        while True:
            try:
                for part in self._down():
                    failures, began = 0, True
                    yield part
                return
            except (QueryTimeout, QueryTooLarge) as error:
                failures += 1
                if failures > FAILURES or (isinstance(error, QueryTimeout) and not began):
                    raise
                log.warning("an export repeats a slice", error=str(error), rows=self._size)
                self._size = max(FEWEST_ROWS, self._size // 4)

    def _down(self) -> Iterator[RowSlice]:
        search = self._spec.search
        pruner = IndexPruner(self._reader.scanner, search, export_cost)
        scan = PagedScan(self._read, search, MOST_ROWS, lambda: search.timeout, self._resume, pruner)
        for table, *_ in scan:
            self._resume = scan.resume
            self._adapt(table)
            if self._left is not None:
                self._left -= table.num_rows
            if table.num_rows:
                yield RowSlice(self._completed(table), scan.resume)
            if self._left == 0:
                return

    def _read(self, scan: ScanRange, size: int, seconds: float) -> Slice[Table]:
        self._reader.tombstones.refresh()
        size = min(size, self._size, MOST_ROWS if self._left is None else self._left)
        visible = visible_sql(self._spec.search, self._reader.scanner)
        statement = (
            self._compiled.select("*", scan, visible.without).where(visible.sql, visible.values).where(*self._sample)
        )
        statement = Statement(
            f"SELECT {self._columns} FROM ({statement.sql} {self._compiled.order_by} LIMIT {size:d})",
            statement.values | dict(self._spec.values),
            statement.labels,
        )
        with superseded_if_replaced(visible.paths):
            table = self._reader.scanner.table(statement, scan, seconds)
        if table.num_rows < size:
            return Slice(table, table.num_rows, None)
        # A slice of the full size: the scan goes on after its last row.
        last = table.slice(size - 1).select(_KEY).to_pylist()[0]
        return Slice(table, MOST_ROWS, SortKey(*last.values()))

    def _adapt(self, table: Table) -> None:
        """To rows of this size; slowly, after few rows."""
        if table.num_rows:
            fitting = SLICE_BYTES * table.num_rows // max(1, table.nbytes)
            self._size = max(FEWEST_ROWS, min(fitting, self._size * 4, MOST_ROWS))

    def _labels(self, rows: Table) -> Table:
        search = self._spec.search
        return label_column(self._reader.scanner, rows, self._form.labels, search.snapshot_us, search.timeout)

    def _completed(self, table: Table) -> Table:
        if self._hidden_names:
            return self._hidden_names.encoded(table, self._labels)
        return completed(self._spec, table, self._handles, self._labels)


class HandleCache:
    def __init__(self, find: FindHandles) -> None:
        self._find = find
        self._known: dict[str, str | None] = {}

    def find(self, dids: Sequence[str]) -> list[str | None]:
        if len(self._known) > MOST_HANDLES:
            self._known.clear()
        unknown = [did for did in dids if did not in self._known]
        self._known |= dict.fromkeys(unknown)
        self._known |= self._find(unknown)
        return [self._known[did] for did in dids]


def completed(spec: ExportSpec, table: Table, handles: HandleCache, labels: Callable[[Table], Table]) -> Table:
    """With the columns that SQL can't make. `labels`: as add_labels() takes it."""
    dataset = spec.search.of
    for place, column in enumerate(spec.columns):
        if column.name == USERNAME:
            table = add_usernames(table, place, "_did", handles.find)
        elif column.name == LABELS:
            table = add_labels(table, place, LABELLED, labels)
        elif not column.sql:
            table = add_cids(table, place, _ROW, lambda rows: derived_cids.filled(dataset, rows))
    return table


def select_list(spec: ExportSpec, made: Mapping[str, str]) -> str:
    """The columns that SQL makes, then what the resume point and derived CIDs need."""
    search = spec.search
    columns = [f"{sql} AS {name}" for name, sql in made.items()]
    columns += [f"{sql} AS _{name}" for name, sql in hit.key_sql(search).items()]
    if any(column.name == LABELS for column in spec.columns):
        columns += ["seen AS _seen", "epoch_us(seen) AS _seen_us", "rev AS _rev"]
    if spec.pseudonyms is None and any(column.name == CID and not column.sql for column in spec.columns):
        columns.append(f"{{{', '.join(f'{name!r}: {name}' for name, _ in search.of.in_every_file)}}} AS {_ROW}")
    return ", ".join(columns)


def _sample_condition(reader: Reader, spec: ExportSpec) -> tuple[str, dict[str, Any]]:
    """True of the rows of the sample; with its values."""
    if spec.sample is None:
        return "true", {}
    bounds = sample_bounds(reader.full_scan, spec.search, spec.sample, spec.seed, spec.sample_per)
    if not bounds:
        return "true", {}
    at = f"list_position($stretches, {stretch(spec.search, spec.sample_per)})"  # 0 or null: all rows are in it
    last = f"($hashes[{at}], $versions[{at}])"
    condition = f"(coalesce({at}, 0) = 0 OR ({', '.join(sample_order(spec.search))}) <= {last})"
    starts, hashes, versions = (list(column) for column in zip(*bounds, strict=True))
    return condition, {"seed": spec.seed, "stretches": starts, "hashes": hashes, "versions": versions}
