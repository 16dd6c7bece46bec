"""Which catalog a lake belongs to.

A catalog has an identity and numbers each writer's commits; LAKE_ROOT has a copy of both, the marker. It is written
after a commit and before anything that relies on the commit (the trim, the move of replaced files). So a writer
recognises another catalog, or an older copy, before it touches anything. A marker that is one commit behind was left by
a killed writer.
"""

import json
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection
from django.db.utils import DatabaseError

from lake.errors import LakeUnusable, catalog_advice
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
    label: int = 0

    def number(self, writer: Writer) -> int:
        return {Writer.FLUSH: self.flush, Writer.COMPACT: self.compact, Writer.LABEL: self.label}[writer]


def of_catalog() -> State | None:
    """None: it has no identity yet, as when it is new or of release 0.1."""
    row = CatalogIdentity.objects.values_list("catalog", "flush", "compact", "label").first()
    return State(str(row[0]), *row[1:]) if row else None


def read_marker(root: Path) -> State | None:
    """None: there is none. Raises LakeUnusable if it can't be read."""
    path = root / layout.MARKER
    try:
        stored = json.loads(path.read_text())
        labels = int(stored.get("label", 0))  # markers of before have none
        return State(str(UUID(stored["catalog"])), int(stored["flush"]), int(stored["compact"]), labels)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LakeUnusable(
            f"{path} can't be read ({error}): mend the disk. If the catalog at {settings.DATABASE_PATH} is surely the "
            "lake's, move that file away, then start again."
        ) from error


def write_marker(root: Path, state: State) -> None:
    """Atomic and durable."""
    with disk.disk_errors(root):
        disk.write_whole(root / layout.MARKER, json.dumps({"what": WHAT, **state._asdict()}, indent=1) + "\n")


def refusal(state: State | None, marker: State | None, root: Path) -> str:
    """Why a catalog in this state must not write to the lake that has this marker; empty: it may."""
    if marker is None:
        return ""
    if state is None or state.catalog != marker.catalog:
        return f"LAKE_ROOT {root} belongs to another catalog than the one at {settings.DATABASE_PATH}. {HELP}"
    if any(state.number(writer) < marker.number(writer) for writer in Writer):
        return (
            f"The catalog at {settings.DATABASE_PATH} is an older copy: it ends with {_numbers(state)}, LAKE_ROOT "
            f"{root} with {_numbers(marker)}. {HELP}"
        )
    return ""


def _numbers(state: State) -> str:
    labels = f" and labels {state.label}" if state.label else ""
    return f"flush {state.flush} and compaction {state.compact}{labels}"


def mismatch(root: Path) -> str:
    """The same for the catalog and the lake as they are now."""
    marker = read_marker(root)  # first: the catalog may advance meanwhile
    return refusal(of_catalog(), marker, root)


def require_match(root: Path) -> None:
    """Raises LakeUnusable if the lake belongs to another catalog."""
    if reason := mismatch(root):
        raise LakeUnusable(reason)


class Claim:
    """One writer's hold on the catalog and its lake. All methods raise LakeUnusable.

    Around each commit: check(), then a transaction that begins with advance(), then mark().
    """

    def __init__(self, root: Path, writer: Writer) -> None:
        self._root, self._writer = root, writer
        self._file: tuple[int, int] | None = None
        self._known: State | None = None

    def open(self) -> None:
        """To be called before the catalog is read: notes which file the open catalog is."""
        self._file = _reopened()

    def take(self) -> State:
        """To be called once the lake is known to be this catalog's. Makes missing identities and markers."""
        CatalogIdentity.objects.get_or_create(pk=CatalogIdentity.ONLY)
        return self._mark()

    def known(self) -> State:
        """The catalog's state as of this writer's latest commit."""
        if self._known is None:
            self.open()
            self.take()
        assert self._known is not None
        return self._known

    def next_commit(self) -> tuple[str, Writer, int]:
        """The catalog's identity, the writer and the number of its next commit: the first fields of an Origin."""
        return self.known().catalog, self._writer, self.known().number(self._writer) + 1

    def now(self) -> State:
        """The catalog's state with the latest commits of all writers."""
        return of_catalog() or self.known()

    def check(self) -> None:
        """To be called before a commit, and before anything is trimmed or deleted. Raises LakeUnusable unless the open
        catalog is still the file at its path, as this writer left it, and the lake's."""
        known = self.known()
        try:
            now = of_catalog()
        except DatabaseError as error:
            raise LakeUnusable(
                f"The catalog can't be read ({error}): {catalog_advice(error)}.", component="catalog"
            ) from error
        same = now and (now.catalog, now.number(self._writer)) == (known.catalog, known.number(self._writer))
        if not same or _file() != self._file:
            raise _replaced()
        self._require_marker()
        require_match(self._root)

    def advance(self) -> None:
        """To be called in the transaction of a commit: gives it its number."""
        catalog, writer, number = self.next_commit()
        before = CatalogIdentity.objects.filter(catalog=catalog, **{writer.value: number - 1})
        if not before.update(**{writer.value: number}):
            raise _replaced()

    def mark(self) -> None:
        """To be called after a commit: writes its number into the marker."""
        known = self.known()
        self._require_marker()
        if _file() != self._file or self._mark().catalog != known.catalog:
            raise _replaced()

    def _require_marker(self) -> None:
        """Without the marker that take() has made, the lake is another folder, or gone."""
        if read_marker(self._root) is None:
            raise LakeUnusable(
                f"LAKE_ROOT {self._root} is missing, or lacks {layout.MARKER}, which it had: mount the right folder or "
                "restore it, then start again. Nothing is lost."
            )

    def _mark(self) -> State:
        # One writer at a time reads the state and writes the marker: its numbers never decrease.
        with exclusive(lock_path("marker"), wait=True):
            state = of_catalog()
            if state is None:
                raise _replaced()
            write_marker(self._root, state)
        self._known = state
        return state


def _reopened() -> tuple[int, int] | None:
    """Opens the catalog anew; which file it is. The same before and after: that is the one which was opened."""
    if "mode=memory" not in str(connection.settings_dict["NAME"]):  # as in tests
        connection.close()
    before = _file()
    connection.ensure_connection()
    after = _file()
    if before not in (None, after):
        raise _replaced()
    return after


def _file() -> tuple[int, int] | None:
    """Device and inode of the file at the catalog's path; None: there is none."""
    try:
        status = Path(connection.settings_dict["NAME"]).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _replaced() -> LakeUnusable:
    return LakeUnusable(
        f"The catalog at {settings.DATABASE_PATH} was replaced or removed while this process ran: put the right one "
        "back, with its -wal and -shm, then start again. Nothing is lost.",
        component="catalog",
    )
