"""What verify_lake has found in order so far: a file beside the database, a line for each task, removed at the end."""

import json
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from lake.errors import LakeError
from process.locks import exclusive

KEPT_SECONDS = 7 * 86_400  # a disk may have rotted since


class Journal:
    """Held by one run at a time: raises LakeError while another one has it."""

    def __init__(self, path: Path, again: bool = False) -> None:
        self._path = path
        self._held = ExitStack()
        busy = LakeError("Another verify_lake runs: wait until it has ended.")
        self._file = self._held.enter_context(exclusive(path, busy))
        if again:
            self._file.truncate(0)
        self._done = dict(self._read())

    def _read(self) -> list[tuple[str, float]]:
        """The last line may have been cut short by a kill."""
        self._file.seek(0)
        found = []
        for line in self._file:
            try:
                key, at = json.loads(line)
            except ValueError:
                continue
            if at > time.time() - KEPT_SECONDS:
                found.append((str(key), float(at)))
        return found

    def holds(self, key: str) -> bool:
        return key in self._done

    def add(self, key: str) -> None:
        self._file.write(json.dumps([key, time.time()]) + "\n")
        self._file.flush()

    @property
    def count(self) -> int:
        return len(self._done)

    def times(self) -> tuple[datetime, datetime] | None:
        """When the first and the last of what is skipped was verified; None when there is nothing."""
        moments = [datetime.fromtimestamp(at, UTC) for at in self._done.values()]
        return (min(moments), max(moments)) if moments else None

    def end(self) -> None:
        """All was verified: the next run begins anew."""
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()
