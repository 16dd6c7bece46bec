"""Identity, resume cursor and batches of a rebuilt catalog, from what its files say. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import PurePath

from ingest.buffer.entries import Cursor
from lake.catalog.identity import State
from lake.models import BatchRun
from lake.rebuild.files import LakeFile
from lake.storage import layout
from lake.storage.origin import Origin, Writer
from process import instants
from process.instants import microseconds


def state(files: Iterable[LakeFile], marker: State | None, new: str) -> State:
    """The marker's identity, or `new` without a marker; the highest commit numbers of marker and files."""
    origins = [file.origin for file in files if file.origin]
    known = marker or State(new)
    flushes = [origin.flushed for origin in origins]
    compactions = [origin.commit for origin in origins if origin.writer == Writer.COMPACT]
    labels = [origin.labelled for origin in origins]
    return State(
        known.catalog,
        max([known.flush, *flushes]),
        max([known.compact, *compactions]),
        max([known.label, *labels]),
    )


def clock_us(files: Iterable[LakeFile]) -> int:
    """The lake's clock as far as the files tell; 0: files of older releases don't."""
    return max((file.origin.clock_us for file in files if file.origin), default=0)


def resume(files: Sequence[LakeFile], marker: State | None) -> Cursor | None:
    """A cursor before which all events are in the files: after the latest flush that was certainly committed, else
    before the latest one, some of whose files may be missing. None: there are no files."""
    certain = [file.origin for file in files if file.origin and file.origin.cursor and _committed(file.origin, marker)]
    if certain:
        return max(certain, key=lambda origin: origin.flushed).cursor
    flushed = [file for file in files if layout.is_flush_file(PurePath(file.row.path).name)]
    if not flushed:
        newest = max((file.row.max_seen for file in files), default=None)
        return Cursor(microseconds(newest)) if newest else None
    last = max(map(_batch, flushed))
    return Cursor(microseconds(min(file.row.min_seen for file in flushed if _batch(file) == last)))


def _committed(origin: Origin, marker: State | None) -> bool:
    """A compacted file carries the cursor of a commit; a flushed one is certain once the marker has its number."""
    if origin.writer == Writer.COMPACT:
        return True
    return marker is not None and marker.catalog == origin.catalog and origin.commit <= marker.flush


def _batch(file: LakeFile) -> tuple[int, int, str]:
    """Equal for the files of one batch, ascending by batch: the commit, or the first buffer id in their names."""
    ms, _, number = PurePath(file.row.path).stem.removeprefix("f-").partition("-")
    if file.origin:
        return file.origin.commit, 0, file.origin.catalog
    return 0, int(ms) if ms.isdigit() else 0, number.partition("-")[0]


def batch_runs(files: Iterable[LakeFile]) -> list[BatchRun]:
    """One for each flush, and one for all compacted files of an hour, not saved yet; labels are of no batch. Sets
    `batch` of flushed files."""
    flushes: defaultdict[tuple[int, int, str], list[LakeFile]] = defaultdict(list)
    hours: defaultdict[datetime, list[LakeFile]] = defaultdict(list)
    for file in files:
        if file.row.dataset == "labels":
            continue
        if file.listed.compacted:
            hours[file.row.hour].append(file)
        else:
            flushes[_batch(file)].append(file)
    runs = [_compacted(hours[hour]) for hour in sorted(hours)]
    for batch in sorted(flushes):
        run = _flushed(flushes[batch])
        for file in flushes[batch]:
            file.row.batch = run
        runs.append(run)
    return runs


def _flushed(files: Sequence[LakeFile]) -> BatchRun:
    origin = files[0].origin
    if origin and origin.batch:
        batch = origin.batch
        run = _run(files, batch.started_at, batch.first_id, batch.last_id)
        run.learned_us = origin.clock_us if any(file.row.late_rows for file in files) else 0
        return run
    first_id = "-".join(PurePath(files[0].row.path).stem.split("-")[1:3])
    ms = first_id.partition("-")[0]
    started = instants.utc(int(ms) * 1000) if ms.isdigit() else files[0].row.max_seen
    return _run(files, started, first_id, first_id)


def _compacted(files: Sequence[LakeFile]) -> BatchRun:
    """In place of the batches that the files came from, which are unknown."""
    newest = max(int(PurePath(file.row.path).stem.removeprefix("c-")) for file in files)
    return _run(files, instants.utc(newest * 1000), "", "")


def _run(files: Sequence[LakeFile], started: datetime, first_id: str, last_id: str) -> BatchRun:
    rows: Counter[str] = Counter()
    minutes: Counter[str] = Counter()
    for file in files:
        rows[file.row.dataset] += file.row.rows
        minutes.update(file.minutes)
    return BatchRun(
        started_at=started,
        seconds=0,
        state=BatchRun.State.COMMITTED,
        first_id=first_id,
        last_id=last_id,
        first_seen=min(file.row.min_seen for file in files),
        last_seen=max(file.row.max_seen for file in files),
        events=rows.total(),
        rows=dict(rows),
        minutes=dict(sorted(minutes.items())),
        bytes_out=sum(file.row.bytes for file in files),
    )
