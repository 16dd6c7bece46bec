"""Whether LAKE_ROOT is the folder that the catalog lists."""

from pathlib import Path

from lake.catalog import listing
from lake.errors import LakeUnusable

MUST_EXIST = 20  # newest listed files: if one is absent, another disk is mounted, or none


def require_lake_root(root: Path) -> None:
    """Makes the folder at the very first start. Raises LakeUnusable if it is missing although files are listed, or
    lacks a listed file."""
    newest = listing.newest_paths(MUST_EXIST)
    if not root.is_dir() and not newest and root.parent.is_dir():
        root.mkdir(exist_ok=True)  # another process may be starting, too
    if not root.is_dir():
        raise LakeUnusable(f"LAKE_ROOT {root} is missing: mount it or create it, then start again.")
    missing = [path for path in newest if not (root / path).is_file()]
    missing = [path for path in missing if listing.all_listed([path])]  # the others were compacted meanwhile
    if missing:
        raise LakeUnusable(
            f"LAKE_ROOT {root} lacks {missing[0]}, which the catalog lists: mount the right folder or restore it, "
            "then start again (verify_lake names all that is missing)."
        )
