"""Which catalog a lake belongs to.

A catalog has an identity and counts each writer's commits; LAKE_ROOT carries a copy of both, the marker. The marker is
written after the commit and before anything that relies on it (the trim, the move of replaced files). So a catalog that
is another one, or an older copy, is known before a writer touches anything; and a marker that is one commit behind is
that of a killed writer.
"""

import json
import os
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.utils import DatabaseError

from lake.errors import LakeUnusable
from lake.models import CatalogIdentity
from lake.storage import disk, layout
from lake.storage.origin import Writer
from process.locks import exclusive, lock_path

WHAT = "Which catalog this lake belongs to, and how far it is. Written by the service: never edit, copy or remove it."
HELP = (
    "Nothing was touched. Let DATABASE_PATH and LAKE_ROOT name the two that belong together, or restore the right "
    "catalog; if it is lost, run manage.py rebuild_catalog on a new one that manage.py migrate has made."
)


class State(NamedTuple):
    """A catalog's identity, and the number of each writer's latest commit."""

    catalog: str
    flush: int = 0
    compact: int = 0

    def reached(self, writer: Writer) -> int:
        return self.flush if writer == Writer.FLUSH else self.compact


def of_catalog() -> State | None:
    """None: it has no identity yet, it is new or of the release before."""
    row = CatalogIdentity.objects.values_list("catalog", "flush", "compact").first()
    return State(str(row[0]), row[1], row[2]) if row else None


def read_marker(root: Path) -> State | None:
    """None: there is none. Raises LakeUnusable when it can't be read."""
    path = root / layout.MARKER
    try:
        told = json.loads(path.read_text())
        return State(str(UUID(told["catalog"])), int(told["flush"]), int(told["compact"]))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LakeUnusable(
            f"{path} can't be read ({error}): mend the disk. If the catalog at {settings.DATABASE_PATH} is surely the "
            "lake's, move that file away, then start again."
        ) from error


def write_marker(root: Path, state: State) -> None:
    """In one step, and on the disk when it returns."""
    temporary = root / f"{layout.MARKER}.tmp"
    with disk.disk_errors(root):
        with temporary.open("w") as file:
            file.write(json.dumps({"what": WHAT, **state._asdict()}, indent=1) + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(root / layout.MARKER)
        disk.sync_folder(root)


def refusal(state: State | None, marker: State | None, root: Path) -> str:
    """Why a catalog in this state must not write to the lake that has this marker; empty: it may."""
    if marker is None:
        return ""
    if state is None or state.catalog != marker.catalog:
        return f"LAKE_ROOT {root} belongs to another catalog than the one at {settings.DATABASE_PATH}. {HELP}"
    if state.flush < marker.flush or state.compact < marker.compact:
        return (
            f"The catalog at {settings.DATABASE_PATH} is an older copy: it ends with flush {state.flush} and "
            f"compaction {state.compact}, LAKE_ROOT {root} with flush {marker.flush} and compaction {marker.compact}. "
            f"{HELP}"
        )
    return ""


def mismatch(root: Path) -> str:
    """The same of the catalog and the lake as they are now. The marker is read first: the catalog may go on."""
    marker = read_marker(root)
    return refusal(of_catalog(), marker, root)


def require_match(root: Path) -> None:
    """Raises LakeUnusable when the lake is another catalog's."""
    if said := mismatch(root):
        raise LakeUnusable(said)


class Claim:
    """One writer's hold on the catalog and its lake. All methods raise LakeUnusable."""

    def __init__(self, root: Path, writer: Writer) -> None:
        self._root, self._writer = root, writer
        self._place: tuple[int, int] | None = None
        self._held: State | None = None

    def open(self) -> None:
        """To be called before anything is read that counts: from here on the open catalog is known by its file."""
        self._place = _reopened()

    def take(self) -> State:
        """To be called when the lake was found to be this catalog's: makes the identity and the marker where there is
        none yet."""
        CatalogIdentity.objects.get_or_create(pk=CatalogIdentity.ONLY)
        return self._mark()

    def held(self) -> State:
        """As of this writer's latest commit."""
        if self._held is None:
            self.open()
            self.take()
        assert self._held is not None
        return self._held

    def next(self) -> tuple[str, Writer, int]:
        """The catalog, the writer and the number of its next commit: what its files' origin begins with."""
        return self.held().catalog, self._writer, self.held().reached(self._writer) + 1

    def flushed(self) -> int:
        """Number of the flusher's latest commit now."""
        return (of_catalog() or self.held()).flush

    def check(self) -> None:
        """To be called before a commit, and before anything is trimmed or deleted. Raises LakeUnusable unless the open
        catalog is the file at its path, is as this writer left it, and is the lake's."""
        held = self.held()
        try:
            now = of_catalog()
        except DatabaseError as error:
            raise LakeUnusable(f"The catalog can't be read ({error}): mend that, then start again.") from error
        same = (
            now is not None and now.catalog == held.catalog and now.reached(self._writer) == held.reached(self._writer)
        )
        if not same or _place() != self._place:
            raise LakeUnusable(_replaced())
        self._require_marker()
        require_match(self._root)

    def reach(self) -> None:
        """To be called in the transaction of a commit: gives it its number."""
        catalog, writer, number = self.next()
        before = CatalogIdentity.objects.filter(catalog=catalog, **{writer.value: number - 1})
        if not before.update(**{writer.value: number}):
            raise LakeUnusable(_replaced())

    def mark(self) -> None:
        """To be called after a commit: the lake learns of it."""
        held = self.held()
        self._require_marker()
        if _place() != self._place or self._mark().catalog != held.catalog:
            raise LakeUnusable(_replaced())

    def _require_marker(self) -> None:
        """A lake without its marker, which it had a moment ago, is another folder, or gone."""
        if read_marker(self._root) is None:
            raise LakeUnusable(
                f"LAKE_ROOT {self._root} is missing, or lacks {layout.MARKER}, which it had: mount the right folder or "
                "restore it, then start again. Nothing is lost."
            )

    def _mark(self) -> State:
        # One writer at a time reads the catalog's state and writes the marker, so that it never goes back.
        with exclusive(lock_path("marker"), wait=True):
            state = of_catalog()
            if state is None:
                raise LakeUnusable(_replaced())
            write_marker(self._root, state)
        self._held = state
        return state


def _reopened() -> tuple[int, int] | None:
    """Opens the catalog between two looks at its place, so that it is known to be the file there."""
    if "mode=memory" not in str(connection.settings_dict["NAME"]):  # as it is in tests
        connection.close()
    before = _place()
    connection.ensure_connection()
    after = _place()
    if before not in (None, after):
        raise LakeUnusable(_replaced())
    return after


def _place() -> tuple[int, int] | None:
    """Device and inode of the file at the catalog's path; None: there is none."""
    try:
        found = Path(connection.settings_dict["NAME"]).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _replaced() -> str:
    return (
        f"The catalog at {settings.DATABASE_PATH} was replaced or removed while this process ran: put the right one "
        "back, with its -wal and -shm, then start again. Nothing is lost."
    )
