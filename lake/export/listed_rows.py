"""The rows of records that were looked up by their URIs, of several datasets, as the slices of one file."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from lake.errors import QueryTimeout, QueryTooLarge
from lake.export.columns import ExportColumn, joint_columns
from lake.export.formats import Format, Table
from lake.export.pseudonyms import PseudonymRows, cells
from lake.export.rows import (
    FEWEST_ROWS,
    MOST_ROWS,
    SLICE_BYTES,
    FindHandles,
    HandleCache,
    RowSlice,
    completed,
    select_list,
)
from lake.export.spec import ExportSpec
from lake.pseudonyms.names import Pseudonyms
from lake.query.spec import ResumePoint, Search
from lake.scan.full_scan import by_hours
from lake.scan.hit import Hit, collection_sql
from lake.scan.scan_range import ScanFile, ScanRange
from lake.scan.search_sql import SearchSql, Statement
from lake.scan.snapshot import files_in_range
from lake.schema import DATASETS, dataset_of
from lake.search.by_uri import UriLookup, find_versions, record_name
from lake.search.post_labels import label_column
from lake.search.reader import Reader
from process.instants import utc

FIRST_ROWS = 2000
_VERSIONS = """(did, {collection}, rkey, coalesce(rev, '')) IN (SELECT
    (unnest($dids), unnest($collections), unnest($rkeys), unnest($revs))) AND state IS DISTINCT FROM 'deleted'"""


class Found(NamedTuple):
    """What became of the URIs of a dataset, and the search whose rows they are."""

    search: Search
    lookup: UriLookup


def find(reader: Reader, uris: Sequence[str], seconds: float, withhold: tuple[str, ...]) -> list[Found]:
    """Of each dataset that the URIs are of. The first one that needs the time takes it. `withhold`: as of a Search.
    Raises LakeUnusable and QueryTooLarge."""
    of: dict[str, list[str]] = {}
    for uri in uris:
        of.setdefault(dataset_of("create", record_name(uri)[1]), []).append(uri)
    deadline = time.monotonic() + seconds
    found = []
    for dataset in filter(of.__contains__, DATASETS):
        search = Search(dataset=dataset, newest=False, timeout=seconds, withhold=withhold)
        left = replace(search, timeout=deadline - time.monotonic())
        found.append(Found(search, find_versions(reader.scanner, left, of[dataset])))
    return found


def joint_specs(found: Sequence[Found], names: Sequence[str], pseudonyms: Pseudonyms | None) -> list[ExportSpec]:
    """With the same columns for each."""
    columns = joint_columns([one.search.dataset for one in found], names)
    return [ExportSpec(one.search, columns[one.search.dataset], {}, pseudonyms=pseudonyms) for one in found]


def file_columns(specs: Sequence[ExportSpec]) -> list[ExportColumn]:
    """Of the file: without SQL where a dataset's column has none, and all of them come as plain text."""
    return [
        min(same, key=lambda column: bool(column.sql)) for same in zip(*(spec.columns for spec in specs), strict=True)
    ]


class ListedRows:
    """Iterate once: the rows of the found versions, dataset by dataset, the first seen first. A version that was purged
    meanwhile is left out. Raises QueryTimeout, QueryTooLarge and LakeUnusable."""

    def __init__(
        self, reader: Reader, found: Sequence[Found], specs: Sequence[ExportSpec], form: Format, handles: FindHandles
    ) -> None:
        self._reader, self._form = reader, form
        self._found = list(zip(found, specs, strict=True))
        self._plain = {column.name for column in file_columns(specs) if not column.sql}
        self._handles = HandleCache(handles)
        self._size = FIRST_ROWS

    def __iter__(self) -> Iterator[RowSlice]:
        for found, spec in self._found:
            left = sorted(found.lookup.hits, key=lambda hit: hit.seen_us)
            while left:
                part = left[: self._size]
                try:
                    tables = list(self._read(spec, part))
                except (QueryTimeout, QueryTooLarge):
                    if self._size == FEWEST_ROWS:
                        raise
                    self._size = max(FEWEST_ROWS, self._size // 4)
                    continue
                left = left[len(part) :]
                self._adapt(tables)
                for table in tables:
                    yield RowSlice(self._completed(spec, table), ResumePoint(0))

    def _completed(self, spec: ExportSpec, table: Table) -> Table:
        if spec.pseudonyms is None:
            return completed(spec, table, self._handles, self._labels)
        named = PseudonymRows(self._reader, spec, spec.pseudonyms, self._form, self._plain)
        return named.encoded(table, self._labels)

    def _labels(self, rows: Table) -> Table:
        search = self._found[0][1].search
        return label_column(self._reader.scanner, rows, self._form.labels, search.snapshot_us, search.timeout)

    def _adapt(self, tables: Sequence[Table]) -> None:
        """To rows of this size."""
        rows, size = sum(table.num_rows for table in tables), sum(table.nbytes for table in tables)
        self._size = max(FEWEST_ROWS, min(SLICE_BYTES * rows // max(1, size), self._size * 4, MOST_ROWS))

    def _read(self, spec: ExportSpec, part: Sequence[Hit]) -> Iterator[Table]:
        search = replace(spec.search, start=utc(part[0].seen_us), end=utc(part[-1].seen_us + 1))
        dids, collections, rkeys, revs = (list(column) for column in zip(*(hit.version for hit in part), strict=True))
        versions = {"dids": dids, "collections": collections, "rkeys": rkeys, "revs": revs}
        columns, compiled = select_list(spec, cells(spec, self._form, self._plain)), SearchSql(search)

        def read(files: Sequence[ScanFile]) -> Table:
            low, high = search.positions()
            scan = ScanRange(tuple(files), low, ResumePoint(high))
            condition = _VERSIONS.format(collection=collection_sql(search.of))
            rows = compiled.select("*", scan).where(condition, versions)
            statement = Statement(f"SELECT {columns} FROM ({rows.sql} {compiled.order_by})", rows.values)
            return self._reader.scanner.table(statement, scan, search.timeout)

        return (table for table in by_hours(lambda: files_in_range(search), read) if table.num_rows)


def counted(found: Sequence[Found]) -> dict[str, object]:
    """What became of the URIs, as JSON."""
    lookups = [one.lookup for one in found]
    rest = {
        name: [uri for lookup in lookups for uri in getattr(lookup, name)] for name in ("deleted", "purged", "unknown")
    }
    hidden = [{"id": uri, "account": status} for lookup in lookups for uri, status in lookup.hidden.items()]
    return {
        "asked": sum(map(len, rest.values())) + len(hidden) + (shown := sum(len(lookup.hits) for lookup in lookups)),
        "found": shown,
        "deleted": rest["deleted"],
        "hidden": hidden,
        "purged": rest["purged"],
        "unknown": rest["unknown"],
        "complete": all(lookup.complete for lookup in lookups),
    }
