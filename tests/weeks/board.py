"""What the processes of a run share: the compressed clock, how many events may be sent, how many have been.

Three numbers of 64 bits in a file. By the first one `clock.c` sets the wall clock of every process that is started with
`variables`: it can be moved forward, and goes on from there at the usual pace.
"""

import mmap
import struct
import subprocess
import time
from pathlib import Path

_FORMAT = struct.Struct("=q")
_SIZE = 3 * _FORMAT.size


class Board:
    """Each number has one writer: the clock and `sent` the firehose, `allowed` the driver."""

    def __init__(self, folder: Path) -> None:
        self._folder, path = folder, folder / "board"
        if not path.exists():
            path.write_bytes(bytes(_SIZE))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), _SIZE)

    @property
    def now_us(self) -> int:
        return self._read(0) + time.monotonic_ns() // 1000

    @now_us.setter
    def now_us(self, value: int) -> None:
        self._write(0, value - time.monotonic_ns() // 1000)

    @property
    def allowed(self) -> int:
        return self._read(1)

    @allowed.setter
    def allowed(self, value: int) -> None:
        self._write(1, value)

    @property
    def sent(self) -> int:
        return self._read(2)

    @sent.setter
    def sent(self, value: int) -> None:
        self._write(2, value)

    def variables(self) -> dict[str, str]:
        """Of the environment of a process that lives by the compressed clock. Needs a C compiler."""
        library = self._folder / "clock.so"
        source = Path(__file__).with_name("clock.c")
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", library, source, "-ldl"], check=True)
        return {"LD_PRELOAD": str(library), "CLOCK_FILE": str(self._folder / "board")}

    def _read(self, place: int) -> int:
        (value,) = _FORMAT.unpack_from(self._memory, place * _FORMAT.size)
        return int(value)

    def _write(self, place: int, value: int) -> None:
        _FORMAT.pack_into(self._memory, place * _FORMAT.size, value)
