"""What a file's metadata says of its origin: whose it is, and what the catalog, made anew, must know of it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ingest.buffer.entries import Cursor


class Writer(StrEnum):
    """Who commits files. Each counts its own commits."""

    FLUSH = "flush"
    COMPACT = "compact"


@dataclass(frozen=True)
class Batch:
    """What a flushed file came from: ids of its first and last buffer entry, and when it was begun."""

    first_id: str
    last_id: str
    started_at: datetime

    def __str__(self) -> str:
        return f"{self.first_id} {self.last_id} {self.started_at.isoformat()}"

    @classmethod
    def read(cls, text: str) -> "Batch":
        first_id, last_id, started_at = text.split(" ")
        return cls(first_id, last_id, datetime.fromisoformat(started_at))


@dataclass(frozen=True)
class Origin:
    """`catalog`: its identity. `commit`: number of the writer's commit that lists the file. `flushed`: number of the
    latest flush by then; `cursor`: where to resume after that, None if nowhere is known. `arrived`: rows whose seen is
    their arrival. `unpurged`: deleted rows that keep their text. `batch`: None of a compacted file."""

    catalog: str
    writer: Writer
    commit: int
    flushed: int
    cursor: Cursor | None
    arrived: int = 0
    unpurged: int = 0
    batch: Batch | None = None

    def notes(self) -> dict[str, str]:
        """As the metadata has it."""
        return {
            "catalog": self.catalog,
            "writer": self.writer,
            "commit": str(self.commit),
            "flushed": str(self.flushed),
            "cursor": self.cursor.encode().decode() if self.cursor else "",
            "rows_by_arrival": str(self.arrived),
            "unpurged": str(self.unpurged),
            "batch": str(self.batch or ""),
        }

    @classmethod
    def read(cls, notes: Mapping[str, str]) -> "Origin | None":
        """None where the metadata does not say it, as in files of release 0.1 and before."""
        try:
            return cls(
                notes["catalog"],
                Writer(notes["writer"]),
                int(notes["commit"]),
                int(notes["flushed"]),
                Cursor.decode(notes["cursor"].encode()) if notes["cursor"] else None,
                int(notes["rows_by_arrival"]),
                int(notes["unpurged"]),
                Batch.read(notes["batch"]) if notes["batch"] else None,
            )
        except (KeyError, ValueError):
            return None
