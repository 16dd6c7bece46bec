"""Builds, merges and purges text indexes. An index only narrows a search: DuckDB decides which candidates match.

An index covers a sequence of posts. A post's doc id is its position in that sequence; a deleted post keeps its doc id
and is in no posting list. ngrams.py defines the keys, segment.py the file format, lookup.py the queries.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lake.textindex.ngrams import KEYS, gram_pairs
from lake.textindex.postings import DocIds, PostingLists, offsets_of
from lake.textindex.segment import SegmentInfo, SegmentReader, SegmentWriter
from lake.textindex.sorted_runs import SortedRun, split_keys, write_run
from lake.textindex.stored_posts import StoredPosts

STEP_BYTES = 2 << 20  # of all indexes in one step of a merge: about 2.5 million doc ids


class PostChunk(NamedTuple):
    """Consecutive posts, at most 1 << ROW_BITS. A deleted post has the text "" and no author."""

    texts: Sequence[str]  # lower case, NUL replaced by ngrams.REPLACEMENT
    authors: Sequence[str | None]  # DIDs
    posts: StoredPosts


def build(chunks: Iterable[PostChunk], target: Path) -> SegmentInfo:
    """Writes the index of these posts to `target`, fsynced; leaves no file when it fails. A temporary file in the same
    folder takes 700 bytes a post. Raises ValueError for more than MAX_UNIVERSE posts, OSError, and what `chunks`
    raises."""
    with tempfile.TemporaryFile(dir=target.parent) as file, _writer(target) as writer:
        runs: list[tuple[SortedRun, int]] = []
        for texts, authors, posts in chunks:
            runs.append((write_run(file, gram_pairs(texts, authors)), writer.rows))
            writer.add_posts(posts)
        limits = split_keys([run for run, _ in runs])
        _merge([(run.split(limits), shift) for run, shift in runs], writer)
        return writer.close()


def merge(parts: Sequence[tuple[Path, int]], target: Path) -> SegmentInfo:
    """Concatenates indexes, given as (path, expected rows). Raises IndexDamaged, ValueError when an index has other
    rows, and OSError."""
    with ExitStack() as stack:
        writer = stack.enter_context(_writer(target))
        readers, shifts = [], []
        for path, rows in parts:
            reader = stack.enter_context(closing(SegmentReader(path)))
            if reader.rows != rows:
                raise ValueError(f"{path} covers {reader.rows} rows, not {rows}: rebuild it.")
            readers.append(reader)
            shifts.append(writer.rows)
            _copy_posts(reader, writer)
        limits = _split_keys(readers)
        _merge([(reader.split(limits), first) for reader, first in zip(readers, shifts, strict=True)], writer)
        return writer.close()


def purge(
    index: Path, doc_ids: Sequence[int] | DocIds, target: Path, changed: Sequence[int] | DocIds = ()
) -> SegmentInfo:
    """Copies the index without these posts' keys, rows and created times, and without the rows of the `changed` posts;
    all doc ids stay. Raises IndexDamaged, OSError."""
    with closing(SegmentReader(index)) as reader, _writer(target) as writer:
        purged, without = np.zeros((2, reader.rows), np.bool_)
        purged[np.asarray(doc_ids, np.int64)] = True
        without[np.asarray(changed, np.int64)] = True
        _copy_posts(reader, writer, without, purged)
        for number in range(len(reader.first_keys)):
            lists = reader.block(number).lists()
            if (drop := purged[lists.doc_ids]).any():
                writer.add(_filtered(lists, ~drop))
            else:
                writer.add_block(reader.data(number))
        return writer.close()


@contextmanager
def _writer(target: Path) -> Iterator[SegmentWriter]:
    """Removes the file when the block fails."""
    try:
        with target.open("wb") as file:
            yield SegmentWriter(file)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _copy_posts(reader: SegmentReader, writer: SegmentWriter, *without: NDArray[np.bool_]) -> None:
    for data, rows in reader.stored_blocks(*without):
        writer.add_stored(data, rows)


def _split_keys(readers: Sequence[SegmentReader]) -> list[int]:
    """Upper limits of the merge's steps, each about STEP_BYTES of all indexes together."""
    first_keys = np.concatenate([reader.first_keys for reader in readers])
    order = np.argsort(first_keys)
    steps = np.cumsum(np.concatenate([reader.sizes for reader in readers])[order]) // STEP_BYTES
    return [*np.unique(first_keys[order][np.flatnonzero(np.diff(steps))]).tolist(), KEYS]


def _merge(parts: Sequence[tuple[Iterator[PostingLists], int]], writer: SegmentWriter) -> None:
    """Parts are split at the same keys. Each part's number is added to its doc ids."""
    for step in zip(*(lists for lists, _ in parts), strict=True):
        shifted = [
            lists._replace(doc_ids=lists.doc_ids + np.uint32(shift))
            for lists, (_, shift) in zip(step, parts, strict=True)
        ]
        writer.add(_concatenated(shifted))


def _concatenated(parts: Sequence[PostingLists]) -> PostingLists:
    """One list for each key: the parts' lists one after the other."""
    keys, counts, doc_ids = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    order = np.argsort(keys, kind="stable")
    starts, keys, counts = offsets_of(counts)[:-1][order], keys[order], counts[order]
    sources = np.repeat(starts - offsets_of(counts)[:-1], counts)
    sources += np.arange(len(sources))
    firsts = np.flatnonzero(np.diff(keys, prepend=~keys[:1]))
    return PostingLists(keys[firsts], np.add.reduceat(counts, firsts) if len(firsts) else counts, doc_ids[sources])


def _filtered(lists: PostingLists, keep: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> PostingLists:
    """Only the doc ids to keep; lists that become empty are dropped."""
    counts = np.add.reduceat(keep, offsets_of(lists.counts)[:-1], dtype=np.int64)
    some = counts > 0
    return PostingLists(lists.keys[some], counts[some], lists.doc_ids[keep])
