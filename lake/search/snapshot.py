"""A search bound to what is in the lake now, and the files that may hold its hits."""

from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from lake.catalog import listing
from lake.query.spec import Search
from lake.textindex.postings import DocIds
from process.instants import microseconds, utc

ODD_US = 3_600_000_000  # an author's clock is mostly no further from the server's


class ScanFile(NamedTuple):
    """A file, or some rows of it. `low`, `high`: the lowest and highest position of its rows. Most of them lie
    between `begin` and `end`."""

    path: str
    rows: int
    low: int
    high: int
    begin: int
    end: int
    picked: DocIds | None = None  # rows by their number in the file, ascending, when not all are to be read

    @property
    def folder(self) -> str:
        """Of its dataset and hour."""
        return self.path.rpartition("/")[0]


def pin_snapshot(search: Search) -> Search:
    """The search bound to what is there now: what is seen later does not exist for it."""
    newest = listing.newest_seen(search.dataset)
    return search if newest is None else replace(search, snapshot_us=microseconds(newest))


def files_in_range(search: Search) -> list[ScanFile]:
    """The listed files that may hold a hit, those that begin last first."""
    low, high = map(utc, search.span())
    files = listing.files_of(search.dataset).filter(min_seen__lte=utc(search.snapshot_us))
    if search.clock == "seen":
        files = files.filter(max_seen__gte=low, min_seen__lte=high)
    else:
        files = files.filter(max_created__gte=low, min_created__lte=high)
    rows = files.values_list("path", "rows", "min_seen", "max_seen", "min_created", "max_created")
    return sorted((_scan_file(search, *row) for row in rows), key=lambda file: (-file.begin, file.path))


def _scan_file(search: Search, path: str, rows: int, *times: datetime | None) -> ScanFile:
    """`times`: first and last seen, first and last created. A dataset's rows without a created time have no file here
    when that is the clock."""
    first, last, *created = (microseconds(time) if time else 0 for time in times)
    low, high = (first, last) if search.clock == "seen" else created
    begin, end = max(low, first - ODD_US), min(high, last + ODD_US)
    if begin > end:
        begin, end = low, high
    if search.newest:
        return ScanFile(path, rows, low, high, begin, end)
    return ScanFile(path, rows, -high, -low, -end, -begin)
