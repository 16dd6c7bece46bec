"""What a proof has observed so far, a JSON line each: so it goes on after a restart."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

Entry = dict[str, Any]
START, LAG, SAMPLE = "start", "lag", "sample"


class Journal:
    """In `folder`, which is made. A first line says when the proof began; a last one that was cut off is ignored."""

    def __init__(self, folder: Path, now: float) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "journal.ndjson"
        self.resumed = self._path.exists()
        self._entries = list(_read(self._path)) if self.resumed else []
        if not self._entries:
            self.resumed = False
            self.add(START, at=now)
        elif not self._path.read_bytes().endswith(b"\n"):
            self._append("\n")

    @property
    def started(self) -> float:
        """Seconds since 1970."""
        return float(self._entries[0]["at"])

    def add(self, kind: str, **facts: Any) -> None:
        entry = {"kind": kind, **facts}
        self._append(json.dumps(entry) + "\n")
        self._entries.append(entry)

    def _append(self, text: str) -> None:
        with self._path.open("a") as file:
            file.write(text)

    def of(self, kind: str) -> list[Entry]:
        return [entry for entry in self._entries if entry["kind"] == kind]

    def close(self) -> None:
        """The proof is over: the next one begins anew."""
        self._path.rename(self._path.with_name("journal-last.ndjson"))


def _read(path: Path) -> Iterator[Entry]:
    with path.open() as file:
        for line in file:
            with suppress(ValueError):
                yield json.loads(line)
