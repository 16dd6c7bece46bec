"""What a backup is: a folder with manifest.json, which names all that belongs to it, with sha256.

manifest.json               written last: without it there is no backup
catalog-<time>.sqlite3      the catalog as it was at one moment
handles-<time>.sqlite3      the handles, when there are any
lake/...                    the files that this catalog lists, under their paths below LAKE_ROOT
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

from lake.errors import LakeError

NAME = "manifest.json"
LAKE = "lake"
VERSION = 1


class Entry(NamedTuple):
    """`path` is below the backup's folder, or below its lake folder for a file of the lake."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """`made_at`: when the catalog was as it is in here, ISO 8601 in UTC."""

    made_at: str
    catalog: Entry
    handles: Entry | None
    files: list[Entry]

    def paths(self) -> set[str]:
        """All that belongs to the backup, below its folder."""
        own = {NAME, self.catalog.path, *([self.handles.path] if self.handles else [])}
        return own | {f"{LAKE}/{entry.path}" for entry in self.files}


def write(folder: Path, manifest: Manifest) -> None:
    """Replaces the manifest at once; what it names must be on the disk."""
    temporary = folder / f".{NAME}.tmp"
    with temporary.open("w") as file:
        json.dump({"version": VERSION, **asdict(manifest)}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    os.sync()  # of many folders: the entries of the files
    temporary.rename(folder / NAME)
    os.sync()


def read(folder: Path) -> Manifest | None:
    """None when there is none: nothing, or a first backup that was never finished. Raises LakeError when there is one
    that can't be used."""
    try:
        raw = json.loads((folder / NAME).read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise LakeError(f"{folder / NAME} is damaged ({error}): use another backup.") from error
    try:
        if raw["version"] != VERSION:
            raise LakeError(f"{folder / NAME} has the version {raw['version']}: restore it with the software of then.")
        handles = Entry(*raw["handles"]) if raw["handles"] else None
        manifest = Manifest(raw["made_at"], Entry(*raw["catalog"]), handles, [Entry(*file) for file in raw["files"]])
    except (KeyError, TypeError) as error:
        raise LakeError(f"{folder / NAME} is damaged ({error!r}): use another backup.") from error
    for path in manifest.paths():
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise LakeError(f"{folder / NAME} names {path}, which lies outside: it is none of ours.")
    return manifest
