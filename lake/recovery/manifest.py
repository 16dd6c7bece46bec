"""The manifest of a backup: all files that belong to it, with their sha256.

manifest.json               written last: a folder without it is no backup
catalog-<time>.sqlite3      a snapshot of the catalog
handles-<time>.sqlite3      the handles, if there are any
lake/...                    the files that this catalog lists, under their paths below LAKE_ROOT
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from lake.errors import LakeError
from lake.storage import disk

NAME = "manifest.json"
LAKE = "lake"
VERSION = 1


class Entry(NamedTuple):
    """`path`: of a database below the backup's folder, of a file of the lake below LAKE_ROOT."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """`made_at`: the time of the catalog's snapshot, ISO 8601 in UTC."""

    made_at: str
    catalog: Entry
    handles: Entry | None
    files: list[Entry]

    def paths(self) -> set[str]:
        """Of all files of the backup, below its folder."""
        own = {NAME, self.catalog.path, *([self.handles.path] if self.handles else [])}
        return own | {f"{LAKE}/{entry.path}" for entry in self.files}


def write(folder: Path, manifest: Manifest) -> None:
    """Replaces the manifest atomically. The files that it names must be complete and durable."""
    disk.write_whole(folder / NAME, json.dumps({"version": VERSION, **asdict(manifest)}, indent=1))


def read(folder: Path) -> Manifest | None:
    """None when there is none: no backup was ever finished there. Raises LakeError when it is damaged or of another
    version."""
    try:
        raw = json.loads((folder / NAME).read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise LakeError(f"{folder / NAME} is damaged ({error}): use another backup.") from error
    try:
        if raw["version"] != VERSION:
            raise LakeError(
                f"{folder / NAME} has version {raw['version']}, not {VERSION}: use the software that made it."
            )
        handles = Entry(*raw["handles"]) if raw["handles"] else None
        manifest = Manifest(raw["made_at"], Entry(*raw["catalog"]), handles, [Entry(*file) for file in raw["files"]])
    except (KeyError, TypeError) as error:
        raise LakeError(f"{folder / NAME} is damaged ({error!r}): use another backup.") from error
    for path in manifest.paths():
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise LakeError(f"{folder / NAME} names {path}, which lies outside the backup: use another backup.")
    return manifest
