"""The text index of posts: which posts may hold what is asked. It only narrows; DuckDB decides.

An index stands for a row of Parquet files. A post is known by its doc id: how many posts stand before it in these
files. Deleted posts have an doc id, and are in no list. ngrams.py says what a post is found by, segment.py how that is
kept, lookup.py how it is asked.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np

from lake.storage.disk import disk_errors
from lake.storage.duckdb_engine import Engine
from lake.textindex.ngrams import KEYS, gram_pairs, name_key
from lake.textindex.postings import MAX_UNIVERSE, DocIds, PostingLists, starts_of
from lake.textindex.segment import SegmentInfo, SegmentReader, SegmentWriter
from lake.textindex.sorted_runs import SortedRun, cut_keys

CHUNK_ROWS = 1 << 14  # at once: some 13 MB of keys
CHUNK_CHARACTERS = 4 << 20  # or so many, and at most STREAMED_ROWS more texts
STREAMED_ROWS = 256
PIECE_BYTES = 2 << 20  # of all indexes in one piece of the merge: some 2.5 million doc_ids

_SELECT = """SELECT coalesce(replace(lower(text), chr(0), chr(65533)), ''), did, state IS NOT DISTINCT FROM 'deleted'
    FROM read_parquet([$path], hive_partitioning = false, file_row_number = true)
    WHERE file_row_number >= $first AND file_row_number < $last ORDER BY file_row_number"""


def build(engine: Engine, sources: Sequence[Path], target: Path) -> SegmentInfo:
    """Reads all posts of the files, in order, and writes their index to `target`, fsynced; no file is left when it
    fails. While it works 700 bytes a post lie beside it. Raises what the engine raises, LakeUnusable when a disk is
    full, and ValueError when there are more posts than one index can hold."""
    with disk_errors(target.parent), tempfile.TemporaryFile(dir=target.parent) as file:
        runs: list[tuple[SortedRun, int]] = []
        rows = 0
        for texts, names in _chunks(engine, sources):
            runs.append((SortedRun(file, gram_pairs(texts, names)), rows))
            rows += len(texts)
        cuts = cut_keys([run for run, _ in runs])
        with _writing(target, rows) as writer:
            _merge([(run.upto(cuts), shift) for run, shift in runs], writer)
            return writer.close()


def merge(parts: Sequence[tuple[Path, int]], target: Path) -> SegmentInfo:
    """One index of several: (index, its rows) in order. Raises IndexDamaged, ValueError when one has other rows."""
    with ExitStack() as stack:
        readers, shift, shifts = [], 0, []
        for path, rows in parts:
            reader = SegmentReader(path)
            stack.callback(reader.close)
            if reader.rows != rows:
                raise ValueError(f"{path} is of {reader.rows} rows, not of {rows}: build it anew.")
            readers.append(reader)
            shifts.append(shift)
            shift += rows
        cuts = _cut_keys(readers)
        with _writing(target, shift) as writer:
            _merge([(reader.upto(cuts), first) for reader, first in zip(readers, shifts, strict=True)], writer)
            return writer.close()


def purge(index: Path, doc_ids: Sequence[int] | DocIds, target: Path) -> SegmentInfo:
    """The same index, but these doc_ids are in no list. Raises IndexDamaged."""
    with ExitStack() as stack:
        reader = SegmentReader(index)
        stack.callback(reader.close)
        gone = np.zeros(reader.rows, np.bool_)
        gone[np.asarray(doc_ids, np.int64)] = True
        writer = stack.enter_context(_writing(target, reader.rows))
        for number in range(len(reader.firsts)):
            lists = reader.block(number).lists()
            if (lost := gone[lists.doc_ids]).any():
                writer.add(_kept(lists, ~lost))
            else:
                writer.add_block(reader.data(number))
        return writer.close()


@contextmanager
def _writing(target: Path, rows: int) -> Iterator[SegmentWriter]:
    if rows > MAX_UNIVERSE:
        raise ValueError(f"An index holds at most {MAX_UNIVERSE:,} posts, not {rows:,}: index fewer files at once.")
    try:
        with disk_errors(target.parent), target.open("wb") as file:
            yield SegmentWriter(file, rows)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _chunks(engine: Engine, sources: Sequence[Path]) -> Iterator[tuple[list[str], list[int | None]]]:
    """Texts and names of the posts, in the order of the files."""
    for path in sources:
        ((rows,),) = engine.rows("SELECT sum(num_rows) FROM parquet_file_metadata([$path])", {"path": str(path)})
        for first in range(0, rows or 0, CHUNK_ROWS):
            values = {"path": str(path), "first": first, "last": first + CHUNK_ROWS}
            texts: list[str] = []
            names: list[int | None] = []
            characters = 0
            for found in engine.stream(_SELECT, values, size=STREAMED_ROWS):
                texts += ["" if deleted else text for text, _, deleted in found]
                names += [None if deleted else name_key("author", did) for _, did, deleted in found]
                characters += sum(map(len, texts[-len(found) :]))
                if characters > CHUNK_CHARACTERS:
                    yield texts, names
                    texts, names, characters = [], [], 0
            if texts:
                yield texts, names


def _cut_keys(readers: Sequence[SegmentReader]) -> list[int]:
    """Keys that cut all indexes so that each piece is some PIECE_BYTES of them together."""
    firsts = np.concatenate([reader.firsts for reader in readers])
    order = np.argsort(firsts)
    cells = np.cumsum(np.concatenate([reader.sizes for reader in readers])[order]) // PIECE_BYTES
    return [*np.unique(firsts[order][np.flatnonzero(np.diff(cells))]).tolist(), KEYS]


def _merge(parts: Sequence[tuple[Iterator[PostingLists], int]], writer: SegmentWriter) -> None:
    """Parts come in the same pieces; the doc_ids of each are to be raised by its number."""
    pieces = [part for part, _ in parts]
    for found in zip(*pieces, strict=True):
        writer.add(_joined([PostingLists(keys, counts, doc_ids + np.uint32(shift))
                            for (keys, counts, doc_ids), (_, shift) in zip(found, parts, strict=True)]))  # fmt: skip


def _joined(parts: Sequence[PostingLists]) -> PostingLists:
    """The lists of each key one after the other, in the order of the parts."""
    keys, counts, doc_ids = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    order = np.argsort(keys, kind="stable")
    starts, keys, counts = starts_of(counts)[:-1][order], keys[order], counts[order]
    places = np.repeat(starts - starts_of(counts)[:-1], counts)
    places += np.arange(len(places))
    firsts = np.flatnonzero(np.diff(keys, prepend=~keys[:1]))
    return PostingLists(keys[firsts], np.add.reduceat(counts, firsts) if len(firsts) else counts, doc_ids[places])


def _kept(lists: PostingLists, kept: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> PostingLists:
    counts = np.add.reduceat(kept, starts_of(lists.counts)[:-1], dtype=np.int64)
    some = counts > 0
    return PostingLists(lists.keys[some], counts[some], lists.doc_ids[kept])
