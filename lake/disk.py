"""The lake's folder against the catalog: whether it is the right one, what in it nobody lists, and the naming of a
batch's files."""

from collections.abc import Callable, Iterable, Sequence
from itertools import count
from pathlib import Path

from lake import catalog, files, layout
from lake.errors import LakeUnusable
from lake.files import Pending
from lake.transform import Partition

MUST_EXIST = 20  # newest listed files whose absence means that another disk, or none, is mounted


def free_name(root: Path, partition: Partition, first_id: str) -> str:
    """A name for the partition's file. Buffer ids may come again, and a file of the lake never changes."""
    folder = root / layout.partition(partition.dataset.name, partition.hour)
    names = (layout.flush_name(first_id, attempt) for attempt in count())
    return next(name for name in names if not (folder / name).exists())


def publish(root: Path, written: Sequence[Pending]) -> None:
    """Gives all files their names, or none."""
    try:
        for pending in written:
            pending.publish()
    except BaseException:
        withdraw(root, written)
        raise


def withdraw(root: Path, written: Iterable[Pending]) -> None:
    """Removes files of a batch that was not committed."""
    for pending in written:
        for name in (pending.name, layout.temporary_name(pending.name)):
            if (root / pending.folder / name).exists():
                files.remove(root, Path(pending.folder) / name, "its batch was not committed")


def require_lake(root: Path) -> None:
    """Makes LAKE_ROOT at the very first start. Raises LakeUnusable when it is missing although files are listed, or is
    not the folder that the catalog speaks of."""
    newest = catalog.newest(MUST_EXIST)
    if not root.is_dir() and not newest and root.parent.is_dir():
        root.mkdir()
    if not root.is_dir():
        raise LakeUnusable(f"LAKE_ROOT {root} is missing: mount it or create it, then start again.")
    missing = [path for path in newest if not (root / path).is_file()]
    missing = [path for path in missing if catalog.all_listed([path])]  # the others were compacted meanwhile
    if missing:
        raise LakeUnusable(
            f"LAKE_ROOT {root} lacks {missing[0]}, which the catalog lists: mount the right folder or restore it, "
            "then start again (verify_lake names all that is missing)."
        )


def remove_orphans(root: Path, is_mine: Callable[[str], bool]) -> None:
    """Removes what a killed writer left: its files that the catalog does not know."""
    known = catalog.known_paths()
    for path in list(files.on_disk(root)):
        if is_mine(path.name) and str(path) not in known:
            files.remove(root, path, "orphan: the catalog does not list it")
