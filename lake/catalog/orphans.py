"""Files on the disk that the catalog does not list.

A writer removes a file that it can prove to be its own and never committed: one without its name yet, or one whose
metadata names this catalog, this writer and its next commit. Every other is moved to LAKE_ROOT/.orphans and kept. More
than one killed batch can leave mean that the catalog is not the lake's: then nothing is touched.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

import structlog
from django.conf import settings

from lake.catalog import identity, lake_root, listing
from lake.catalog.identity import HELP, Claim, State
from lake.errors import LakeUnusable
from lake.storage import disk, layout, parquet_writer
from lake.storage.origin import Origin

log = structlog.get_logger("orphans")

NO_STATE = State("")


class Unlisted(NamedTuple):
    """A file with a name that is not listed. `path` is below LAKE_ROOT; `origin`: None if its metadata has none."""

    path: str
    origin: Origin | None


def take_lake(root: Path, claim: Claim, is_mine: Callable[[str], bool]) -> int:
    """What a writer does before anything else: removes or sets aside what a killed one left. `is_mine`: whether it
    writes files of this name. Returns how many files .orphans holds. Raises LakeUnusable, and touches nothing, if the
    lake is not the catalog's."""
    claim.open()
    identity.require_match(root)
    lake_root.require_lake_root(root)
    marked = identity.read_marker(root) is not None
    state, unlisted = require_few(root)
    claim.take()
    with disk.disk_errors(root):
        _clear(root, [file for file in unlisted if is_mine(PurePath(file.path).name)], state, marked)
        for path in [path for path in disk.files_below(root) if is_mine(path.name) and layout.is_temporary(path.name)]:
            disk.remove_file(root, path, "orphan: it never got its name")
    return held(root)[0]


def require_few(root: Path) -> tuple[State, list[Unlisted]]:
    """The catalog's state and the files that it does not list. Raises LakeUnusable if killed writers can't have left so
    many."""
    # In this order: what is committed meanwhile is then known; only the next commit of each writer can be in flight.
    paths = [str(path) for path in disk.files_below(root) if is_ours(path.name)]
    state = identity.of_catalog() or NO_STATE
    known = listing.known_paths()
    unlisted = [file for path in paths if path not in known for file in _unlisted(root, path)]
    if more := beyond_one_batch(unlisted, state):
        raise LakeUnusable(
            f"LAKE_ROOT {root} holds {len(more):,} files that the catalog at {settings.DATABASE_PATH} does not list, "
            f"such as {more[0].path}: more than a killed writer leaves. {HELP}"
        )
    return state, unlisted


def beyond_one_batch(unlisted: Sequence[Unlisted], state: State) -> list[Unlisted]:
    """Those that prove that the catalog was further, or is another one; empty if one killed flush, one killed
    compaction and one killed writer of labels can have left all of them. Pure."""
    strange = [file for file in unlisted if not _is_next(file.origin, state)]
    later = [file for file in strange if file.origin and _is_later(file.origin, state)]
    names = {PurePath(file.path).name for file in strange}
    flushes = {"-".join(name.split("-")[:3]).removesuffix(".parquet") for name in names if layout.is_flush_file(name)}
    compactions = [file for file in strange if layout.is_compacted_file(PurePath(file.path).name)]
    labels = {name for name in names if layout.is_label_file(name)}
    return strange if len(flushes) > 1 or len(compactions) > 1 or len(labels) > 1 else later


def _is_next(origin: Origin | None, state: State) -> bool:
    """Whether the file was written for the next commit of its writer: that has not happened."""
    return origin is not None and (origin.catalog, origin.commit) == (state.catalog, state.number(origin.writer) + 1)


def _is_later(origin: Origin, state: State) -> bool:
    return origin.catalog == state.catalog and origin.commit > state.number(origin.writer)


def _unlisted(root: Path, path: str) -> Iterator[Unlisted]:
    try:
        yield Unlisted(path, origin_of(root / path))
    except FileNotFoundError:
        return  # the other writer has withdrawn or replaced it


def origin_of(path: Path) -> Origin | None:
    """Raises FileNotFoundError."""
    return Origin.read(parquet_writer.read_metadata(path))


def _clear(root: Path, unlisted: Sequence[Unlisted], state: State, marked: bool) -> None:
    """`marked`: the lake has a marker, and by it the catalog is not an older copy."""
    for file in unlisted:
        if marked and _is_next(file.origin, state):
            disk.remove_file(root, Path(file.path), "orphan: it was never committed")
        else:
            set_aside(root, file.path)


def set_aside(root: Path, path: str) -> str:
    """Moves the file to .orphans, never over another one. Returns its new path."""
    with disk.disk_errors(root):
        disk.make_folder(root, layout.ORPHANS)
        attempt = 0
        while (root / (place := layout.orphan_place(path, attempt))).exists():
            attempt += 1
        (root / path).rename(root / place)
        for folder in (root / layout.ORPHANS, (root / path).parent):
            disk.sync_folder(folder)
    log.warning(
        "moved an orphan: the catalog does not list it, and nothing proves that it never did; it is kept until you "
        "remove it",
        path=path,
        to=place,
    )
    return place


def held(root: Path) -> tuple[int, int]:
    """How many files .orphans holds, and their bytes."""
    folder = root / layout.ORPHANS
    sizes = [path.stat().st_size for path in folder.iterdir()] if folder.is_dir() else []
    return len(sizes), sum(sizes)


def advice(count: int, bytes_: int) -> str:
    return f"{count:,} files, {bytes_:,} bytes, in LAKE_ROOT/.orphans: look at them, then remove them"


def is_ours(name: str) -> bool:
    """Whether a finished file of a writer has such a name."""
    return not layout.is_temporary(name) and layout.is_writers_file(name)
