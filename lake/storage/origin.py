"""What a file's metadata says of its origin, so that the catalog can be rebuilt from the files alone. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from ingest.buffer.entries import Cursor


class Writer(StrEnum):
    """The processes that commit files. Each numbers its own commits."""

    FLUSH = "flush"
    COMPACT = "compact"
    LABEL = "label"


@dataclass(frozen=True)
class Batch:
    """The batch that a flushed file came from: ids of its first and last buffer entry, and when it was started."""

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
    """The commit that lists the file, as its writer knew it beforehand.

    catalog         the catalog's identity
    commit          the writer's number of the commit
    flushed         number of the latest flush by then
    cursor          where to resume after that flush; None if unknown
    at_ingest_time  rows whose seen is their ingest time
    unpurged        deleted rows that keep their text
    batch           None unless it was flushed
    labelled        number of the latest commit of labels by then; 0 if unknown
    clock_us        the lake's clock before that commit at the earliest; 0: files of older releases don't say
    """

    catalog: str
    writer: Writer
    commit: int
    flushed: int
    cursor: Cursor | None
    at_ingest_time: int = 0
    unpurged: int = 0
    batch: Batch | None = None
    clock_us: int = 0
    labelled: int = 0

    def metadata(self) -> dict[str, str]:
        """As the file's metadata has it."""
        return {
            "catalog": self.catalog,
            "writer": self.writer,
            "commit": str(self.commit),
            "flushed": str(self.flushed),
            "cursor": self.cursor.encode().decode() if self.cursor else "",
            "rows_by_arrival": str(self.at_ingest_time),
            "unpurged": str(self.unpurged),
            "batch": str(self.batch or ""),
            "clock": str(self.clock_us),
            "labelled": str(self.labelled),
        }

    @classmethod
    def read(cls, metadata: Mapping[str, str]) -> "Origin | None":
        """None if the metadata has no origin, as in files of release 0.1."""
        try:
            return cls(
                metadata["catalog"],
                Writer(metadata["writer"]),
                int(metadata["commit"]),
                int(metadata["flushed"]),
                Cursor.decode(metadata["cursor"].encode()) if metadata["cursor"] else None,
                int(metadata["rows_by_arrival"]),
                int(metadata["unpurged"]),
                Batch.read(metadata["batch"]) if metadata["batch"] else None,
                int(metadata.get("clock", 0)),
                int(metadata.get("labelled", "0")),  # files of before have none
            )
        except (KeyError, ValueError):
            return None
