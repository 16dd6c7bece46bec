"""Names the files of a batch, and takes back those of one that was not committed."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import count
from pathlib import Path

from lake.schema import Dataset
from lake.storage import disk, layout
from lake.storage.parquet_writer import PendingFile


def free_name(root: Path, dataset: Dataset, hour: datetime, first_id: str) -> str:
    """A name for the file of that hour. Buffer ids may come again, and a file of the lake never changes."""
    folder = root / layout.partition(dataset.name, hour)
    names = (layout.flush_name(first_id, attempt) for attempt in count())
    return next(name for name in names if not (folder / name).exists())


def publish(root: Path, written: Sequence[PendingFile]) -> None:
    """Gives all files their names, or none."""
    try:
        for pending in written:
            pending.publish()
    except BaseException:
        withdraw(root, written)
        raise


def withdraw(root: Path, written: Iterable[PendingFile]) -> None:
    """Removes files of a batch that was not committed."""
    for pending in written:
        for name in (pending.name, layout.temporary_name(pending.name)):
            if (root / pending.folder / name).exists():
                disk.remove_file(root, Path(pending.folder) / name, "its batch was not committed")
