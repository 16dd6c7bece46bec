"""An export into a file, which a later run can go on with when it was killed.

FILE.part         what is written until now
FILE.state.json   up to where that is whole
FILE              all of it, once its bytes on the disk have been read again and are what was written
FILE.manifest.json
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from lake.errors import LakeError
from lake.export.formats import Format
from lake.export.stream import ExportRows, ExportSpec, FindHandles, encode
from lake.query.spec import ResumePoint, SortKey
from lake.search.reader import Reader
from lake.search.snapshot import files_in_range
from lake.storage import disk
from process.instants import iso_us, now_us

SAVED_BYTES = 16 << 20  # written anew at most when a run goes on


@dataclass
class State:
    """Of a file whose first `bytes` are whole. `asked`: the parameters, which only the same export has."""

    asked: dict[str, Any]
    snapshot_us: int
    started_at: str
    place: ResumePoint | None = None
    rows: int = 0
    bytes: int = 0
    nuls: int = 0


def beside(path: Path, ending: str) -> Path:
    return path.with_name(f"{path.name}.{ending}")


def load(path: Path, asked: dict[str, Any]) -> State | None:
    """Of the file that a former run has begun, if there is one. Raises LakeError when it is of another export."""
    try:
        raw = json.loads(beside(path, "state.json").read_text())
        at, after = raw.pop("place") or (None, None)
        state = State(**raw, place=None if at is None else ResumePoint(at, after and SortKey(*after)))
        whole = beside(path, "part").stat().st_size >= state.bytes
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise LakeError(f"{beside(path, 'state.json')} is damaged ({error}): remove it and begin anew.") from error
    if state.asked != asked:
        raise LakeError(f"{beside(path, 'part')} is of another export: ask for the same, or take another file.")
    return state if whole else None


class ExportFile:
    """`state`: of what is there already, or new. Afterwards it has the figures of the whole file."""

    def __init__(self, path: Path, state: State, manifest: dict[str, Any]) -> None:
        self._path, self.state, self._manifest = path, state, manifest
        self._digest = hashlib.sha256()

    def run(self, reader: Reader, wanted: ExportSpec, form: Format, names: FindHandles) -> Iterator[tuple[int, int]]:
        """Does the work; gives as it goes how many seconds of the data are done, and of how many. Raises LakeError."""
        limit = None if wanted.limit is None else wanted.limit - self.state.rows
        rows = ExportRows(reader, replace(wanted, limit=limit), form, names, self.state.place)
        form.nuls = self.state.nuls
        high, low = _ends(wanted)
        with disk.disk_errors(self._path.parent), beside(self._path, "part").open("ab") as file:
            self._rehash(file)
            for part in encode(rows, form, self._digest, begun=self.state.bytes > 0):
                file.write(part.body)
                self._count(part.body, part.rows, part.place or self.state.place, part.nuls, file)
                at = high if self.state.place is None else self.state.place.at
                yield (high - max(low, min(high, at))) // 1_000_000, (high - low) // 1_000_000
            file.flush()
            os.fsync(file.fileno())
        with disk.disk_errors(self._path.parent):
            self._finish()

    def _rehash(self, file: BinaryIO) -> None:
        """Takes off what is not whole, and hashes the rest."""
        file.truncate(self.state.bytes)
        with beside(self._path, "part").open("rb") as whole:
            while data := whole.read(1 << 20):
                self._digest.update(data)
        self._saved = self.state.bytes

    def _count(self, body: bytes, rows: int, place: ResumePoint | None, nuls: int, file: BinaryIO) -> None:
        state = self.state
        state.place, state.nuls = place, nuls
        state.rows += rows
        state.bytes += len(body)
        if place is not None and state.bytes - self._saved >= SAVED_BYTES:
            file.flush()
            os.fsync(file.fileno())
            self._saved = state.bytes
            _replace(beside(self._path, "state.json"), asdict(state))

    def _finish(self) -> None:
        part, sha256 = beside(self._path, "part"), self._digest.hexdigest()
        if disk.sha256(part) != sha256:
            raise LakeError(f"The disk does not give back what was written to {part}: remove it and begin anew.")
        figures = {"state": "complete", "rows": self.state.rows, "bytes": self.state.bytes, "sha256": sha256}
        times = {"started_at": self.state.started_at, "finished_at": iso_us(now_us())}
        manifest = self._manifest | figures | times | {"nuls_replaced": self.state.nuls}
        _replace(beside(self._path, "manifest.json"), manifest)
        part.rename(self._path)
        beside(self._path, "state.json").unlink(missing_ok=True)


def _ends(wanted: ExportSpec) -> tuple[int, int]:
    """Highest and lowest position of the data that the export goes through."""
    found, (low, high) = files_in_range(wanted.search), wanted.search.stretch()
    if not found:
        return low, low
    return min(high, max(file.high for file in found)), max(low, min(file.low for file in found))


def _replace(path: Path, content: dict[str, Any]) -> None:
    temporary = beside(path, "tmp")
    temporary.write_text(json.dumps(content, indent=1))
    temporary.rename(path)
