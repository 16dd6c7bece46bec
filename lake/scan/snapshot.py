"""What is in the lake for one answer: the snapshot time, and the files that may hold hits."""

from dataclasses import replace
from typing import Any

from lake.catalog import clock, listing
from lake.query.spec import LAST_US, Search
from lake.scan.scan_range import ScanFile
from lake.storage import layout
from process.instants import microseconds, utc

CLOCK_SKEW_US = 3_600_000_000  # most authors' clocks are no further from the server's


def pin_snapshot(search: Search) -> Search:
    """The search as of now, by the lake's clock, unless it has a moment: rows and versions that come later do not exist
    for it. An answer, its count and its manifest share one pinned search."""
    if search.snapshot_us != LAST_US:
        return search
    present = clock.present_us()
    return search if present is None else replace(search, snapshot_us=present)


def files_in_range(search: Search) -> list[ScanFile]:
    """The listed files that may hold a hit, those that begin last first."""
    low, high = map(utc, search.span())
    files = listing.files_of(search.dataset).filter(min_seen__lte=utc(search.snapshot_us))
    if search.clock == "seen":
        files = files.filter(max_seen__gte=low, min_seen__lte=high)
    else:
        files = files.filter(max_created__gte=low, min_created__lte=high)
    rows = files.values_list("path", "rows", "min_seen", "max_seen", "min_created", "max_created", "late_rows")
    found = sorted((_scan_file(search, *row) for row in rows), key=lambda file: (-file.begin, file.path))
    return _with_labels(found) if found and search.reads_labels else found


def _with_labels(files: list[ScanFile]) -> list[ScanFile]:
    """Listed after them: a label that came before the snapshot is in one of these."""
    hours = [layout.hour_of_path(file.path) for file in files]
    labels = listing.label_files(min(hours), max(hours))
    return [file._replace(labels=labels.get(hour, ())) for file, hour in zip(files, hours, strict=True)]


def _scan_file(search: Search, path: str, rows: int, *row: Any) -> ScanFile:
    """`row`: first and last seen, first and last created, then the number of late rows. By the created clock, files
    without such a time are not among the rows."""
    *times, late = row
    first, last, *created = (microseconds(time) if time else 0 for time in times)
    low, high = (first, last) if search.clock == "seen" else created
    begin, end = max(low, first - CLOCK_SKEW_US), min(high, last + CLOCK_SKEW_US)
    if begin > end:
        begin, end = low, high
    if search.newest:
        return ScanFile(path, rows, low, high, begin, end, late > 0)
    return ScanFile(path, rows, -high, -low, -end, -begin, late > 0)
