"""An export as bytes: the rows of a search, encoded. One slice is encoded while the next one is read."""

from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from lake.export.formats import Format
from lake.export.rows import ExportRows, FindHandles, RowSlice
from lake.export.spec import ExportSpec
from lake.query.spec import ResumePoint
from lake.search.reader import Reader


class EncodedSlice(NamedTuple):
    """`body`: the file's bytes for so many rows. `resume`: where an export goes on that has all bytes up to here; None
    before the first row and after the last. `nuls`: how often NUL was replaced up to here. `ends`: times of the first
    and the last row by the clock, in microseconds; None without rows."""

    body: bytes
    rows: int
    resume: ResumePoint | None
    nuls: int
    ends: tuple[int, int] | None = None


def export(
    reader: Reader,
    spec: ExportSpec,
    form: Format,
    handles: FindHandles,
    start: ResumePoint | None = None,
    begun: bool = False,
) -> Generator[EncodedSlice, None, None]:
    """The whole file, or with `begun` the rest of it from `start` on. Raises QueryTimeout, QueryTooLarge and
    LakeUnusable."""
    return encode(ExportRows(reader, spec, form, handles, start), form, begun)


def encode(slices: Iterable[RowSlice], form: Format, begun: bool = False) -> Generator[EncodedSlice, None, None]:
    """The first slice is handed out at once, before the second is read."""

    def encoded(part: RowSlice) -> EncodedSlice:
        return EncodedSlice(form.rows(part.rows), part.rows.num_rows, part.resume, form.nuls, _ends(part))

    if not begun:
        yield EncodedSlice(form.begin(), 0, None, form.nuls)
    with ThreadPoolExecutor(1) as encoder:
        before: Future[EncodedSlice] | None = None
        for number, part in enumerate(slices):
            now = encoder.submit(encoded, part)
            if before is not None:
                yield before.result()
            before = now if number else None
            if before is None:
                yield now.result()
        if before is not None:
            yield before.result()
    yield EncodedSlice(form.end(), 0, None, form.nuls)


def _ends(part: RowSlice) -> tuple[int, int] | None:
    times = part.rows["_us"]
    return (times[0].as_py(), times[-1].as_py()) if len(times) else None


def joined(ends: tuple[int, int] | None, following: tuple[int, int] | None) -> tuple[int, int] | None:
    """The ends of two slices as one."""
    return following if ends is None else (ends[0], (following or ends)[1])
