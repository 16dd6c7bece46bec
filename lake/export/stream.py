"""All visible hits of a search, piece by piece in the order asked, in memory that does not grow with their number.

A piece is read whole before it is handed out; while the next one is read, it is written in its form.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import structlog

from lake.catalog.read_guard import unless_replaced
from lake.errors import QueryTimeout, QueryTooLarge
from lake.export.columns import CID, MATCHED, USERNAME, ExportColumn, export_columns
from lake.export.formats import Format, Table, add_cids, add_usernames
from lake.query.spec import ResumePoint, Search, SortKey
from lake.query.sql import Condition, matched_terms
from lake.search import hit, paged_scan
from lake.search.index_pruning import READ_COST
from lake.search.paged_scan import PagedScan, Slice
from lake.search.reader import Reader
from lake.search.scan import order_by
from lake.search.snapshot import ScanFile
from lake.search.tombstone_cache import visible
from lake.storage import derived_cids

log = structlog.get_logger("export")

MOST_ROWS = 32_768  # of a piece
SLICE_BYTES = 24 << 20  # of a piece in memory, if its rows are as large as those of the one before
FEWEST_ROWS = 100
FAILURES = 5  # in a row, each of which a smaller piece may mend
MOST_HANDLES = 100_000  # kept from piece to piece, at some 250 bytes each

FindHandles = Callable[[Sequence[str]], Mapping[str, str]]


class Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...


@dataclass(frozen=True)
class ExportSpec:
    """What an export holds. `values`: those that the SQL of the columns needs. `limit`: rows at most. `sample`: of how
    many hits, the ones with the smallest md5 of seed and URI. The search is bound to what is there when it begins."""

    search: Search
    columns: Sequence[ExportColumn]
    values: Mapping[str, Any]
    limit: int | None = None
    sample: int | None = None
    seed: str = ""


def export_spec(search: Search, names: Sequence[str], limit: int | None, sample: int | None, seed: str) -> ExportSpec:
    """`names`: of columns. The query has no handles any more."""
    terms = matched_terms(search.query) if MATCHED in names else Condition("", {})
    return ExportSpec(search, export_columns(search.dataset, names, terms.sql), terms.values, limit, sample, seed)


class RowSlice(NamedTuple):
    """Rows, and the place below them."""

    rows: Table
    place: ResumePoint


class EncodedSlice(NamedTuple):
    """What is the file's part of so many rows. `place`: where an export that has all until here goes on. `nuls`: how
    often NUL was replaced until here."""

    body: bytes
    rows: int
    place: ResumePoint | None
    nuls: int


class ExportRows:
    """Iterate once. `start`: goes on from there. Raises QueryTimeout, QueryTooLarge and LakeUnusable."""

    def __init__(
        self, reader: Reader, spec: ExportSpec, form: Format, names: FindHandles, start: ResumePoint | None = None
    ) -> None:
        self._reader, self._spec, self._form, self._names = reader, spec, form, names
        self._place = start
        self._size = paged_scan.FIRST_ROWS
        self._left = spec.limit
        self._bound = sample_bound(reader, spec)
        self._known: dict[str, str | None] = {}

    def __iter__(self) -> Iterator[RowSlice]:
        """What fails is tried again with a smaller piece; but a search that has nothing in its time is told so."""
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
                log.warning("an export repeats a piece", error=str(error), rows=self._size)
                self._size = max(FEWEST_ROWS, self._size // 4)

    def _down(self) -> Iterator[RowSlice]:
        search = self._spec.search
        narrowing = self._reader.source.narrowing(search, READ_COST)
        down = PagedScan(self._read, search, MOST_ROWS, lambda: search.timeout, self._place, narrowing)
        for table, *_ in down:
            self._place = down.place
            self._adapt(table)
            if self._left is not None:
                self._left -= table.num_rows
            if table.num_rows:
                yield RowSlice(self._completed(table), down.place)
            if self._left == 0:
                return

    def _read(
        self, search: Search, files: Sequence[ScanFile], low: int, high: ResumePoint, size: int, seconds: float
    ) -> Slice[Table]:
        self._reader.graves.refresh()
        source = self._reader.source
        size = min(size, self._size, MOST_ROWS if self._left is None else self._left)
        sql, values = source.select(search, "*", files, low, high)
        shown = visible(search, source)
        rows = f"{sql} AND {shown.sql} AND {self._drawn()} {order_by(search)} LIMIT {size:d}"
        values |= shown.values | self._values()
        with unless_replaced(shown.paths):
            table = source.table(f"SELECT {self._columns()} FROM ({rows})", values, files, seconds)
        if table.num_rows < size:
            return Slice(table, table.num_rows, None)
        # Of a piece that has its full size the walk goes on after the last row.
        last = table.slice(size - 1).select(["_us", "_did", "_rkey", "_version"]).to_pylist()[0]
        return Slice(table, MOST_ROWS, SortKey(*last.values()))

    def _columns(self) -> str:
        did, rkey, version = self._spec.search.of.order
        selected = (f"{self._form.sql(column)} AS {column.name}" for column in self._spec.columns if column.sql)
        key = (f"epoch_us({self._spec.search.time}) AS _us", f"{did} AS _did", f"{rkey} AS _rkey")
        row = (f"{{{', '.join(f'{name!r}: {name}' for name in self._spec.search.of.names)}}} AS _row",)
        without = any(column.name == CID and not column.sql for column in self._spec.columns)
        return ", ".join((*selected, *key, f"{version} AS _version", *(row if without else ())))

    def _drawn(self) -> str:
        if self._bound is None:
            return "true"
        return f"({', '.join(sample_order(self._spec.search))}) <= ($bound_hash, $bound_version)"

    def _values(self) -> dict[str, Any]:
        if self._bound is None:
            return dict(self._spec.values)
        drawn = {"seed": self._spec.seed, "bound_hash": self._bound[0], "bound_version": self._bound[1]}
        return {**self._spec.values, **drawn}

    def _adapt(self, table: Table) -> None:
        """To rows of this size; carefully, where there were few."""
        if table.num_rows:
            fitting = SLICE_BYTES * table.num_rows // max(1, table.nbytes)
            self._size = max(FEWEST_ROWS, min(fitting, self._size * 4, MOST_ROWS))

    def _completed(self, table: Table) -> Table:
        """With the columns that are not made by SQL."""
        dataset = self._spec.search.of
        for place, column in enumerate(self._spec.columns):
            if column.name == USERNAME:
                table = add_usernames(table, place, "_did", self._handles)
            elif not column.sql:
                table = add_cids(table, place, "_row", lambda rows: derived_cids.filled(dataset, rows))
        return table

    def _handles(self, dids: Sequence[str]) -> list[str | None]:
        if len(self._known) > MOST_HANDLES:
            self._known.clear()
        unknown = [did for did in dids if did not in self._known]
        self._known |= dict.fromkeys(unknown)
        self._known |= self._names(unknown)
        return [self._known[did] for did in dids]


def sample_order(search: Search) -> tuple[str, str]:
    """SQL of what orders the hits of a sample, with $seed."""
    return f"md5(concat($seed, {hit.uri_sql(search.of)}))", f"coalesce({search.of.order[2]}, '')"


def sample_bound(reader: Reader, spec: ExportSpec) -> tuple[str, str] | None:
    """The last of the sample in the order of `drawn_by`; None when all hits belong to it."""
    if spec.sample is None:
        return None
    size, search = spec.sample, spec.search
    hash_, version = sample_order(search)
    first = f"{{sql}} ORDER BY hash, version LIMIT {size:d}"
    columns = f"{hash_} AS hash, {version} AS version"
    found: list[tuple[Any, ...]] = []
    for part in reader.whole.parts(search, columns, first, search.timeout, seed=spec.seed):
        found = sorted([*found, *part])[:size]
    return (found[-1][0], found[-1][1]) if len(found) == size else None


def encode(
    parts: Iterable[RowSlice], form: Format, digest: Digest, begun: bool = False
) -> Generator[EncodedSlice, None, None]:
    """The whole file, or the rest of one that was begun; the digest is of all of it. One part is written while the next
    one is read; the very first is handed out at once."""

    def write(part: RowSlice) -> EncodedSlice:
        body = form.rows(part.rows)
        digest.update(body)
        return EncodedSlice(body, part.rows.num_rows, part.place, form.nuls)

    if not begun:
        yield _edge(form.begin(), form, digest)
    with ThreadPoolExecutor(1) as beside:
        before: Future[EncodedSlice] | None = None
        for number, part in enumerate(parts):
            now = beside.submit(write, part)
            if before is not None:
                yield before.result()
            before = now if number else None
            if before is None:
                yield now.result()
        if before is not None:
            yield before.result()
    yield _edge(form.end(), form, digest)


def _edge(body: bytes, form: Format, digest: Digest) -> EncodedSlice:
    digest.update(body)
    return EncodedSlice(body, 0, None, form.nuls)
