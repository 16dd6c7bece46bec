"""The lake as the checks read it: files without the damaged ones, their ages, random samples."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path, PurePath

from lake.models import DataFile
from lake.storage import layout
from lake.storage.duckdb_engine import Engine
from lake.verify.findings import Report
from process import instants


@dataclass(frozen=True)
class CheckedLake:
    root: Path
    engine: Engine
    report: Report

    def absolute(self, files: Iterable[DataFile]) -> list[str]:
        return [str(self.root / file.path) for file in files]

    def relative(self, path: str) -> str:
        return str(Path(path).relative_to(self.root))

    def intact(self, files: Iterable[DataFile]) -> list[DataFile]:
        """Without those that FileChecks has found damaged."""
        return [file for file in files if file.path not in self.report.damaged]


def age(file: DataFile) -> timedelta:
    """Since its batch, or since the time in the name of a compacted file or one of labels; 0 for any other name."""
    now, ms = datetime.now(UTC), PurePath(file.path).stem.removeprefix("c-").removeprefix("l-")
    if file.batch is not None:
        return now - file.batch.started_at
    return now - instants.utc(int(ms) * 1000) if ms.isdigit() else timedelta(0)


def is_compacted(file: DataFile) -> bool:
    return layout.is_compacted_file(PurePath(file.path).name)


def digest(files: Iterable[DataFile]) -> str:
    """Of their paths: a file never changes."""
    return sha256(" ".join(file.path for file in files).encode()).hexdigest()


def random_slice(length: int, size: int) -> slice:
    """`size` neighbours out of `length`, or all of them; others at each run."""
    start = random.randint(0, max(0, length - size))  # noqa: S311 - a sample, no secret
    return slice(start, start + size)
