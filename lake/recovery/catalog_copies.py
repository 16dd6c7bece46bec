"""Copies of the catalog beside it: made before a migration, for one that turns out to be wrong."""

from datetime import datetime
from pathlib import Path

from lake.recovery.databases import copy_database
from lake.storage import disk

KEPT = 3


def keep_copy(catalog: Path, now: datetime) -> Path:
    """A copy of its present state; of the older ones only the last are kept. Raises LakeUnusable."""
    copy = catalog.with_name(f"{catalog.name}.copy-{now:%Y%m%dT%H%M%SZ}")
    unfinished = copy.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    copy_database(catalog, unfinished)
    unfinished.rename(copy)
    disk.sync_folder(copy.parent)  # the migration that follows is durable, too
    for old in sorted(catalog.parent.glob(f"{catalog.name}.copy-*Z"))[:-KEPT]:
        old.unlink()
    return copy
