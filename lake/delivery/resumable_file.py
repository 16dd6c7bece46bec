"""An export into a file that a later run can resume after a kill.

FILE.part         what is written so far
FILE.state.json   how much of that is whole, and where to go on
FILE              the whole, once its bytes were read back from the disk and are what was written
FILE.manifest.json
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from lake.delivery.counts import after
from lake.delivery.manifest import times
from lake.errors import LakeError
from lake.export.formats import Format
from lake.export.rows import FindHandles
from lake.export.spec import ExportSpec
from lake.export.stream import EncodedSlice, export, joined
from lake.query.spec import ResumePoint, saved_key
from lake.scan.snapshot import files_in_range
from lake.schema import Dataset
from lake.search.reader import Reader
from lake.storage import disk
from process.instants import iso_us, now_us

SAVED_BYTES = 16 << 20  # the most that a resumed run writes again


@dataclass
class State:
    """Of a file whose first `bytes` are whole. Only an export with the same `parameters` may resume it."""

    parameters: dict[str, Any]
    snapshot_us: int
    started_at: str
    resume: ResumePoint | None = None
    rows: int = 0
    bytes: int = 0
    nuls: int = 0
    ends: tuple[int, int] | None = None


def beside(path: Path, ending: str) -> Path:
    return path.with_name(f"{path.name}.{ending}")


def load(path: Path, parameters: dict[str, Any], dataset: Dataset) -> State | None:
    """Of the file that a former run began; None when there is none that can be continued. Raises LakeError when it is
    of another export."""
    try:
        raw = json.loads(beside(path, "state.json").read_text())
        position, after = raw.pop("resume") or (None, None)
        key = after and saved_key(after, dataset)
        state = State(**raw, resume=None if position is None else ResumePoint(position, key))
        whole = beside(path, "part").stat().st_size >= state.bytes and bool(key) == bool(after)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise LakeError(f"{beside(path, 'state.json')} is damaged ({error}): remove it and start again.") from error
    if state.parameters != parameters:
        raise LakeError(f"{beside(path, 'part')} is of another export: ask for the same, or take another file.")
    return state if whole else None


class ExportFile:
    """`state`: of what is there already, or new. In the end it has the figures of the whole file."""

    def __init__(self, path: Path, state: State, manifest: dict[str, Any]) -> None:
        self._path, self.state, self._manifest = path, state, manifest
        self._digest = hashlib.sha256()

    def run(self, reader: Reader, spec: ExportSpec, form: Format, handles: FindHandles) -> Iterator[tuple[int, int]]:
        """Does the work; yields how many seconds of the data are done, and of how many. Raises LakeError."""
        limit = None if spec.limit is None else spec.limit - self.state.rows
        rest, begun = replace(spec, limit=limit), self.state.bytes > 0
        slices = export(reader, rest, form, handles, self.state.resume, begun)
        form.nuls = self.state.nuls
        high, low = _ends(spec)
        with disk.disk_errors(self._path.parent), beside(self._path, "part").open("ab") as file:
            self._rehash(file)
            for part in slices:
                file.write(part.body)
                self._digest.update(part.body)
                self._count(part, file)
                position = high if self.state.resume is None else self.state.resume.position
                yield (high - max(low, min(high, position))) // 1_000_000, (high - low) // 1_000_000
            file.flush()
            os.fsync(file.fileno())
        with disk.disk_errors(self._path.parent):
            self._finish(after(reader.full_scan, spec, self.state.rows))

    def _rehash(self, file: BinaryIO) -> None:
        """Cuts off what is not whole, and hashes the rest."""
        file.truncate(self.state.bytes)
        with beside(self._path, "part").open("rb") as whole:
            while data := whole.read(1 << 20):
                self._digest.update(data)
        self._saved = self.state.bytes

    def _count(self, part: EncodedSlice, file: BinaryIO) -> None:
        state = self.state
        state.resume, state.nuls = part.resume or state.resume, part.nuls
        if state.ends or not state.rows:  # or the rows before were written by a version that did not note their times
            state.ends = joined(state.ends, part.ends)
        state.rows += part.rows
        state.bytes += len(part.body)
        if state.resume is not None and state.bytes - self._saved >= SAVED_BYTES:
            file.flush()
            os.fsync(file.fileno())
            self._saved = state.bytes
            _replace(beside(self._path, "state.json"), asdict(state))

    def _finish(self, facts: dict[str, Any]) -> None:
        """`facts`: what counting says."""
        part, sha256 = beside(self._path, "part"), self._digest.hexdigest()
        if disk.sha256(part) != sha256:
            raise LakeError(f"The disk does not give back what was written to {part}: remove it and start again.")
        figures = {"state": "complete", "rows": self.state.rows, "bytes": self.state.bytes, "sha256": sha256}
        facts |= {"started_at": self.state.started_at, "finished_at": iso_us(now_us()), **times(self.state.ends)}
        manifest = self._manifest | figures | facts | {"nuls_replaced": self.state.nuls}
        _replace(beside(self._path, "manifest.json"), manifest)
        part.rename(self._path)
        disk.sync_folder(self._path.parent)
        beside(self._path, "state.json").unlink(missing_ok=True)


def _ends(spec: ExportSpec) -> tuple[int, int]:
    """Highest and lowest position of the data that the export reads."""
    files, (low, high) = files_in_range(spec.search), spec.search.positions()
    if not files:
        return low, low
    return min(high, max(file.high for file in files)), max(low, min(file.low for file in files))


def _replace(path: Path, content: dict[str, Any]) -> None:
    disk.write_whole(path, json.dumps(content, indent=1))
