"""The rows of a catalog that is made anew, from what the files say. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import PurePath

from ingest.buffer.entries import Cursor
from lake.catalog.identity import State
from lake.models import BatchRun
from lake.recovery.generations import Found
from lake.storage.origin import Origin, Writer
from process import instants
from process.instants import microseconds


def state(found: Iterable[Found], marker: State | None, new: str) -> State:
    """The identity of the marker, else the new one; numbers beyond which no file is."""
    origins = [each.origin for each in found if each.origin]
    known = marker or State(new)
    flushes = [origin.flushed for origin in origins]
    compactions = [origin.commit for origin in origins if origin.writer == Writer.COMPACT]
    return State(known.catalog, max([known.flush, *flushes]), max([known.compact, *compactions]))


def resume(found: Sequence[Found], marker: State | None) -> Cursor | None:
    """Where everything before is in the files: after the latest flush that was surely committed, else before the
    latest one, of which some files may never have got their names. None: no file was flushed."""
    sure = [each.origin for each in found if each.origin and each.origin.cursor and _committed(each.origin, marker)]
    if sure:
        return max(sure, key=lambda origin: origin.flushed).cursor
    flushed = [each for each in found if not each.listed.compacted]
    if not flushed:
        newest = max((each.row.max_seen for each in found), default=None)
        return Cursor(microseconds(newest)) if newest else None
    last = max(map(_batch, flushed))
    return Cursor(microseconds(min(each.row.min_seen for each in flushed if _batch(each) == last)))


def _committed(origin: Origin, marker: State | None) -> bool:
    """A compaction follows the commit whose cursor it notes; a flush is sure once the lake has noted it."""
    if origin.writer == Writer.COMPACT:
        return True
    return marker is not None and marker.catalog == origin.catalog and origin.commit <= marker.flush


def _batch(found: Found) -> tuple[int, int, str]:
    """What files of one batch share, in the order of batches: the commit, else the first id in their names."""
    ms, _, number = PurePath(found.row.path).stem.removeprefix("f-").partition("-")
    if found.origin:
        return found.origin.commit, 0, found.origin.catalog
    return 0, int(ms) if ms.isdigit() else 0, number.partition("-")[0]


def batch_runs(found: Iterable[Found]) -> list[BatchRun]:
    """One of each flush, and one of all compacted files of an hour, not saved yet; flushed files know theirs."""
    flushes: defaultdict[tuple[int, int, str], list[Found]] = defaultdict(list)
    hours: defaultdict[datetime, list[Found]] = defaultdict(list)
    for each in found:
        if each.listed.compacted:
            hours[each.row.hour].append(each)
        else:
            flushes[_batch(each)].append(each)
    runs = [_compacted(hours[hour]) for hour in sorted(hours)]
    for batch in sorted(flushes):
        run = _flushed(flushes[batch])
        for each in flushes[batch]:
            each.row.batch = run
        runs.append(run)
    return runs


def _flushed(files: Sequence[Found]) -> BatchRun:
    origin = files[0].origin
    if origin and origin.batch:
        batch = origin.batch
        return _run(files, batch.started_at, batch.first_id, batch.last_id)
    first_id = "-".join(PurePath(files[0].row.path).stem.split("-")[1:3])
    ms = first_id.partition("-")[0]
    started = instants.utc(int(ms) * 1000) if ms.isdigit() else files[0].row.max_seen
    return _run(files, started, first_id, first_id)


def _compacted(files: Sequence[Found]) -> BatchRun:
    """Of which batches these came is not known any more."""
    newest = max(int(PurePath(each.row.path).stem.removeprefix("c-")) for each in files)
    return _run(files, instants.utc(newest * 1000), "", "")


def _run(files: Sequence[Found], started: datetime, first_id: str, last_id: str) -> BatchRun:
    rows: Counter[str] = Counter()
    minutes: Counter[str] = Counter()
    for each in files:
        rows[each.row.dataset] += each.row.rows
        minutes.update(each.minutes)
    return BatchRun(
        started_at=started,
        seconds=0,
        state=BatchRun.State.COMMITTED,
        first_id=first_id,
        last_id=last_id,
        first_seen=min(each.row.min_seen for each in files),
        last_seen=max(each.row.max_seen for each in files),
        events=rows.total(),
        rows=dict(rows),
        minutes=dict(sorted(minutes.items())),
        bytes_out=sum(each.row.bytes for each in files),
    )
