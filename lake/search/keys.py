"""Which rows there are at one position of a search, for who knows of a row only a code of its key."""

from dataclasses import replace

from lake.catalog.read_guard import retry_superseded, superseded_if_replaced
from lake.query.spec import EVERYTHING, ResumePoint, Search, SortKey
from lake.scan.hit import key_sql
from lake.scan.scan_range import ScanRange
from lake.scan.scanner import Scanner
from lake.scan.search_sql import SearchSql
from lake.scan.snapshot import files_in_range


def keys_at(scanner: Scanner, search: Search, position: int) -> list[SortKey]:
    """Of all rows, whether they match or not: one may have lost its text. Raises as Scanner does."""
    every = replace(search, query=EVERYTHING, start=None, end=None, hide=True)
    columns = ", ".join(key_sql(every).values())

    def read() -> list[SortKey]:
        files = tuple(file for file in files_in_range(every) if file.low <= position <= file.high)
        if not files:
            return []
        scan = ScanRange(files, position, ResumePoint(position))
        with superseded_if_replaced(scan.paths):
            rows = scanner.rows(SearchSql(every).select(columns, scan), scan, every.timeout)
        return [SortKey(*row) for row in rows]

    return retry_superseded(read)
