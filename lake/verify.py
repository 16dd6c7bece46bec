"""Compares the catalog with the disk, both ways, and rows with their CIDs. Reads only: repairs nothing.

It may run beside the flusher and the compactor: what looks wrong is looked up in the catalog again before it is said.
"""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from ingest.events import record_cid
from lake import catalog, files, rebuild
from lake.engine import Engine, Unreadable
from lake.errors import LakeError, LakeUnusable
from lake.models import DataFile
from lake.schema import DATASETS

YOUNG_SECONDS = 600  # a temporary file of this age may still be growing
COMMIT_SECONDS = 35  # between a file's name and its commit: longer than the catalog waits for a lock
LOOK_SECONDS = 0.5


class Finding(NamedTuple):
    """One difference. `path` is below LAKE_ROOT; `advice` says what to do."""

    path: str
    what: str
    advice: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}; {self.advice}"


@dataclass
class Report:
    """What was compared. `cids`: records whose CID was made anew; `no_cid`: those that DAG-CBOR can't hold."""

    files: int = 0
    rows: int = 0
    bytes: int = 0
    cids: int = 0
    no_cid: int = 0
    findings: list[Finding] = field(default_factory=list)


class Verifier:
    """`writing`: whether a process that writes the lake runs now, so that files may be about to be listed."""

    def __init__(self, root: Path, engine: Engine, cids: int, writing: Callable[[], bool] = lambda: False) -> None:
        self._root = root
        self._engine = engine
        self._cids = cids
        self._writing = writing
        self.report = Report()

    def run(self) -> Iterator[tuple[int, int]]:
        """Does the work; gives (files done, files) after each. Raises LakeUnusable when there is no lake at all."""
        if not self._root.is_dir():
            raise LakeUnusable(f"LAKE_ROOT {self._root} is missing: mount it or create it, then verify again.")
        ids = list(DataFile.objects.filter(superseded_at=None).values_list("pk", flat=True))
        for number, id_ in enumerate(ids, 1):
            file = DataFile.objects.filter(pk=id_, superseded_at=None).first()
            if file is not None:
                self._verify(file)
            yield number, len(ids)
        self.report.findings += map(_unlisted, self._settled(unlisted(self._root)))

    def _verify(self, file: DataFile) -> None:
        try:
            found = list(self._differences(file))
        except FileNotFoundError:
            found = [Finding(file.path, f"is missing with its {file.rows} rows", "restore it from a backup")]
        if found and not DataFile.objects.filter(pk=file.pk, superseded_at=None).exists():
            return  # superseded, and moved away, while we read it
        self.report.findings += found
        self.report.files += 1
        self.report.rows += file.rows
        self.report.bytes += file.bytes

    def _differences(self, file: DataFile) -> Iterator[Finding]:
        """What a file's bytes contradict makes all that they say worthless: the checks go from the outside in."""
        path, advice = self._root / file.path, "restore it from a backup"
        if (size := path.stat().st_size) != file.bytes:
            yield Finding(file.path, f"has {size} bytes, the catalog says {file.bytes}", advice)
        elif (found := files.sha256(path)) != file.sha256:
            yield Finding(file.path, f"has the sha256 {found}, the catalog says {file.sha256}", advice)
        else:
            try:
                yield from _contradictions(file, files.content(path))
                yield from self._wrong_cids(file) if self._cids else ()
            except (files.Damaged, Unreadable, LakeError) as error:
                yield Finding(file.path, f"can't be read ({error})", advice)

    def _wrong_cids(self, file: DataFile) -> Iterator[Finding]:
        for row in self._some_rows(file):
            uri = f"at://{row['did']}/{DATASETS[file.dataset].collection or row['collection']}/{row['rkey']}"
            try:
                cid = record_cid(rebuild.event(file.dataset, row)["commit"].get("record"))
            except ValueError:
                self.report.no_cid += 1
                continue
            self.report.cids += 1
            if cid != row["cid"]:
                what = f"{uri} at rev {row['rev']} hashes to {cid}, its cid is {row['cid']}"
                yield Finding(
                    file.path, what, "keep the file and look at how the record came: the sender or we changed it"
                )

    def _some_rows(self, file: DataFile) -> Iterator[dict[str, Any]]:
        """Up to so many neighbouring rows that have a CID, from another place of the file at each run."""
        columns = DATASETS[file.dataset].columns
        if file.dataset in ("deletes", "accounts"):  # these have no record
            return
        select = ", ".join(f"{column.name}::{column.type}" for column in columns)
        start = random.randint(0, max(0, file.rows - self._cids))  # noqa: S311 - a sample, no secret
        sql = (
            f"SELECT {select} FROM read_parquet($1, hive_partitioning = false, file_row_number = true) "
            "WHERE file_row_number >= $2 AND file_row_number < $3 AND cid IS NOT NULL"
        )
        for row in self._engine.rows(sql, [str(self._root / file.path), start, start + self._cids]):
            yield dict(zip((column.name for column in columns), row, strict=True))

    def _settled(self, paths: set[str]) -> list[str]:
        """Those that stay unlisted: a running writer gets time to list what it has just renamed, or to remove it."""
        deadline = time.monotonic() + COMMIT_SECONDS
        while True:
            paths = {path for path in paths - catalog.known_paths() if (self._root / path).exists()}
            if (
                not any(_young(self._root / path) for path in paths)
                or not self._writing()
                or time.monotonic() > deadline
            ):
                return sorted(paths)
            time.sleep(LOOK_SECONDS)


def _contradictions(file: DataFile, content: files.Content) -> Iterator[Finding]:
    advice = "restore the catalog and the lake from one backup"
    if content.rows != file.rows:
        yield Finding(file.path, f"holds {content.rows} rows, the catalog says {file.rows}", advice)
    for name in ("min_seen", "max_seen"):
        found, listed = getattr(content, name), getattr(file, name)
        if found is not None and found != listed:
            yield Finding(
                file.path, f"has the {name} {found.isoformat()}, the catalog says {listed.isoformat()}", advice
            )


def unlisted(root: Path) -> set[str]:
    """Parquet files that the catalog does not know, and temporary ones that are too old to be growing still. Folders
    at the root that begin with a dot are not the lake's data."""
    on_disk = {str(path) for path in files.on_disk(root) if not path.parts[0].startswith(".") or len(path.parts) == 1}
    return {
        path
        for path in on_disk - catalog.known_paths()
        if path.endswith(".parquet") or (path.endswith(".parquet.tmp") and not _young(root / path))
    }


def _unlisted(path: str) -> Finding:
    advice = "the flusher removes its own at its next start, remove any other yourself"
    return Finding(path, "is on the disk, but the catalog does not list it", advice)


def _young(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime < YOUNG_SECONDS
    except FileNotFoundError:
        return False
