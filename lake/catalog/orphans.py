"""Files on the disk that the catalog does not list.

A writer removes what it can prove to be its own and never committed: a file without its name yet, or one whose metadata
names this catalog, this writer and its next commit. Everything else is moved to LAKE_ROOT/.orphans and kept: what one
killed batch can't have left means that the catalog is not the lake's, and then nothing is touched at all.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePath
from typing import NamedTuple

import structlog
from django.conf import settings

from lake.catalog import identity, lake_root, listing, metrics
from lake.catalog.identity import HELP, Claim, State
from lake.errors import LakeUnusable
from lake.storage import disk, layout, parquet_writer
from lake.storage.origin import Origin

log = structlog.get_logger("orphans")

NO_STATE = State("")


class Leaving(NamedTuple):
    """A named file that the catalog does not list; `path` is below LAKE_ROOT. Without an origin its metadata says
    nothing of it."""

    path: str
    origin: Origin | None


def take_lake(root: Path, claim: Claim, is_mine: Callable[[str], bool]) -> None:
    """What a writer does before all else. Raises LakeUnusable, and nothing is touched, when the lake is not the
    catalog's; else clears away what a killed one left."""
    claim.open()
    identity.require_match(root)
    lake_root.require_lake_root(root)
    marked = identity.read_marker(root) is not None
    state, leavings = require_few(root)
    claim.take()
    with disk.disk_errors(root):
        _clear(root, [leaving for leaving in leavings if is_mine(PurePath(leaving.path).name)], state, marked)
        for path in [path for path in disk.files_below(root) if is_mine(path.name) and layout.is_temporary(path.name)]:
            disk.remove_file(root, path, "orphan: it never got its name")
    metrics.ORPHANS.set(held(root)[0])


def require_few(root: Path) -> tuple[State, list[Leaving]]:
    """The catalog's state and all that it does not list. Raises LakeUnusable when no killed writer leaves so much."""
    # In this order: what is committed meanwhile is then known; only the next commit of each writer can be in flight.
    paths = [str(path) for path in disk.files_below(root) if is_ours(path.name)]
    state = identity.of_catalog() or NO_STATE
    known = listing.known_paths()
    leavings = [leaving for path in paths if path not in known for leaving in _leaving(root, path)]
    if more := beyond_one_batch(leavings, state):
        raise LakeUnusable(
            f"LAKE_ROOT {root} holds {len(more):,} files that the catalog at {settings.DATABASE_PATH} does not list, "
            f"such as {more[0].path}: more than a killed writer leaves. {HELP}"
        )
    return state, leavings


def beyond_one_batch(leavings: Sequence[Leaving], state: State) -> list[Leaving]:
    """Those that tell of a catalog that was further, or of another one; none if one killed flush and one killed
    compaction can have left all. Pure."""
    strange = [leaving for leaving in leavings if not _is_next(leaving.origin, state)]
    later = [leaving for leaving in strange if leaving.origin and _is_later(leaving.origin, state)]
    names = {PurePath(leaving.path).name for leaving in strange}
    flushes = {"-".join(name.split("-")[:3]).removesuffix(".parquet") for name in names if layout.is_flush_file(name)}
    compactions = [leaving for leaving in strange if layout.is_compacted_file(PurePath(leaving.path).name)]
    return strange if len(flushes) > 1 or len(compactions) > 1 else later


def _is_next(origin: Origin | None, state: State) -> bool:
    """Whether it was written for the next commit of its writer: that has not happened."""
    return origin is not None and (origin.catalog, origin.commit) == (state.catalog, state.reached(origin.writer) + 1)


def _is_later(origin: Origin, state: State) -> bool:
    return origin.catalog == state.catalog and origin.commit > state.reached(origin.writer)


def _leaving(root: Path, path: str) -> Iterator[Leaving]:
    try:
        yield Leaving(path, origin_of(root / path))
    except FileNotFoundError:
        return  # the other writer has withdrawn or replaced it


def origin_of(path: Path) -> Origin | None:
    """Raises FileNotFoundError."""
    return Origin.read(parquet_writer.read_metadata(path))


def _clear(root: Path, leavings: Sequence[Leaving], state: State, marked: bool) -> None:
    """`marked`: the lake has said that this catalog is not behind."""
    for leaving in leavings:
        if marked and _is_next(leaving.origin, state):
            disk.remove_file(root, Path(leaving.path), "orphan: it was never committed")
        else:
            set_aside(root, leaving.path)


def set_aside(root: Path, path: str) -> str:
    """Moves the file to where orphans are kept, never over another one; the new path."""
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
    """Files that lie in .orphans, and their bytes."""
    folder = root / layout.ORPHANS
    sizes = [path.stat().st_size for path in folder.iterdir()] if folder.is_dir() else []
    return len(sizes), sum(sizes)


def told(count: int, bytes_: int) -> str:
    return f"{count:,} files, {bytes_:,} bytes, in LAKE_ROOT/.orphans: look at them, then remove them"


def is_ours(name: str) -> bool:
    """Whether it is the name of a file that is finished."""
    return not layout.is_temporary(name) and (layout.is_flush_file(name) or layout.is_compacted_file(name))
