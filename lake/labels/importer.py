"""Imports a file of labels, chunk by chunk. A chunk, and how far the import is, are one commit."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
from django.conf import settings
from django.utils import timezone

from lake.label_models import LabelImport, WaitingLabel
from lake.labels import posts, source
from lake.labels.joining import Joined, join, with_moment
from lake.labels.parse import parse
from lake.labels.source import Chunk
from lake.labels.waiting import add_waiting
from lake.labels.writer import LabelWriter
from lake.storage import disk
from lake.storage.duckdb_engine import Engine
from process.instants import microseconds

Wrong = list[tuple[int, str]]


class Begun(NamedTuple):
    """`fresh`: False when an earlier run has begun it."""

    row: LabelImport
    fresh: bool


def begin(path: Path, model: str, version: str, again: bool) -> Begun:
    """The import of this file with these defaults, which may be finished. `again`: a finished one begins anew."""
    digest = disk.sha256(path)
    last = LabelImport.objects.filter(sha256=digest, model=model, version=version).order_by("-pk").first()
    if last and not (again and last.finished_at):
        return Begun(last, False)
    row = LabelImport.objects.create(sha256=digest, name=path.name[-255:], model=model, version=version)
    return Begun(row, True)


class Importer:
    """`writer`: prepared, its lock held."""

    def __init__(self, engine: Engine, root: Path, writer: LabelWriter) -> None:
        self._engine, self._root, self._writer = engine, root, writer

    def run(
        self, path: Path, row: LabelImport, rejected: Path, stop: Callable[[], bool], size: int = source.CHUNK_ROWS
    ) -> Iterator[tuple[int, Wrong]]:
        """What is left of it. After each chunk: bytes of the file that are done, and what was wrong. `rejected`: lists
        wrong rows. A stop takes effect between chunks. Raises LabelFileError, LakeUnusable, QueryTooLarge."""
        with _listing(rejected, row.rows) as wrong_rows:
            for chunk in source.read(path, row.rows, size):
                if stop():
                    return
                wrong = self._chunk(chunk, row, wrong_rows)
                yield chunk.done, wrong
        if not stop():
            row.finished_at = timezone.now()
            row.save()

    def _chunk(self, chunk: Chunk, row: LabelImport, list_wrong: Callable[[Wrong], None]) -> Wrong:
        moment = row.started_at
        parsed = parse(self._engine, chunk.table, chunk.first, microseconds(moment), row.model, row.version)
        joined = self._joined(with_moment(parsed.labels, moment))
        row.rows = chunk.first + chunk.table.num_rows - 1
        row.joined += joined.new.num_rows
        row.folded += joined.found.num_rows - joined.new.num_rows
        row.waiting += joined.missing.num_rows
        row.wrong += len(parsed.wrong)
        list_wrong(parsed.wrong)

        def also() -> None:
            add_waiting(joined.missing, moment)
            row.save()

        self._writer.write(joined.new, also)
        return parsed.wrong

    def _joined(self, labels: pa.Table) -> Joined:
        return join(self._engine, self._root, labels, posts.near(labels["rkey"]))


def count_waiting(row: LabelImport) -> None:
    """To be called when a Joiner has run: some of those that waited are beside their posts by now."""
    left = WaitingLabel.objects.filter(received_at=row.started_at, unknown_at=None).count()
    row.joined += row.waiting - left
    row.waiting = left
    row.save()


def rejected_path(path: Path) -> Path:
    """Beside the file, or beside the catalog where that folder can't be written."""
    beside = path.with_name(f"{path.name}.rejected.csv")
    with suppress(OSError), beside.open("a", encoding="utf-8"):
        return beside
    return Path(settings.DATABASE_PATH).parent / beside.name


@contextmanager
def _listing(path: Path, done: int) -> Iterator[Callable[[Wrong], None]]:
    """Adds wrong rows to this file, and removes it when it stays empty. It keeps those of the first `done` rows: a
    killed run may have listed more."""
    kept: list[list[str]] = []
    if done and path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            kept = [line for line in list(csv.reader(file))[1:] if int(line[0]) <= done]
    count = len(kept)
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerows([["row", "reason"], *kept])

        def add(wrong: Wrong) -> None:
            nonlocal count
            count += len(wrong)
            lines.writerows(wrong)
            file.flush()

        yield add
    if not count:
        path.unlink()
