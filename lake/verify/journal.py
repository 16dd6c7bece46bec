"""Tasks that passed in an unfinished run of verify_lake: one JSON line each, in a file beside the database."""

import json
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from lake.errors import LakeError
from process.locks import exclusive

KEPT_SECONDS = 7 * 86_400  # after that the disk may have rotted


class Journal:
    """Held by one run at a time: raises LakeError while another one has it. `again`: forgets what has passed."""

    def __init__(self, path: Path, again: bool = False) -> None:
        self._path = path
        self._held = ExitStack()
        busy = LakeError("Another verify_lake runs: wait until it has ended.")
        self._file = self._held.enter_context(exclusive(path, busy))
        if again:
            self._file.truncate(0)
        self._passed = dict(self._read())

    def _read(self) -> list[tuple[str, float]]:
        """Key and time of each task. A kill may have cut the last line short."""
        self._file.seek(0)
        entries = []
        for line in self._file:
            try:
                key, at = json.loads(line)
            except ValueError:
                continue
            if at > time.time() - KEPT_SECONDS:
                entries.append((str(key), float(at)))
        return entries

    def holds(self, key: str) -> bool:
        return key in self._passed

    def add(self, key: str) -> None:
        self._file.write(json.dumps([key, time.time()]) + "\n")
        self._file.flush()

    @property
    def count(self) -> int:
        """Of the tasks that an earlier run has passed."""
        return len(self._passed)

    def times(self) -> tuple[datetime, datetime] | None:
        """When the first and the last of them passed; None when there are none."""
        moments = [datetime.fromtimestamp(at, UTC) for at in self._passed.values()]
        return (min(moments), max(moments)) if moments else None

    def end(self) -> None:
        """Removes the file: the run is complete, the next one begins anew."""
        self._path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()
