"""What /proc says of the service's processes and of the machine: CPU, memory, open files, the disk."""

import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

TICKS = os.sysconf("SC_CLK_TCK")
KIBI = 1024
SECTOR = 512


def by_session() -> dict[int, list[int]]:
    """Process ids by session: each child of the stack leads one, with its own children in it."""
    found: dict[int, list[int]] = {}
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            with suppress(OSError):
                found.setdefault(int(_after_name(path)[3]), []).append(int(path.name))
    return found


def _after_name(process: Path) -> list[str]:
    """The fields of /proc/PID/stat from the state on; the name before them may hold blanks."""
    return (process / "stat").read_text().rpartition(")")[2].split()


class CpuCounter:
    """CPU seconds by name, over restarts: a new process goes on where the killed one was."""

    def __init__(self) -> None:
        self._last: dict[tuple[int, str], float] = {}
        self._totals: dict[str, float] = {}

    def count(self, name: str, pids: Iterable[int]) -> float:
        for pid in pids:
            with suppress(OSError):
                fields = _after_name(Path(f"/proc/{pid}"))
                spent, identity = (int(fields[11]) + int(fields[12])) / TICKS, (pid, fields[19])
                rise = max(0.0, spent - self._last.get(identity, 0.0))
                self._totals[name] = self._totals.get(name, 0.0) + rise
                self._last[identity] = self._last.get(identity, 0.0) + rise
        return self._totals.get(name, 0.0)


def memory(pids: Iterable[int]) -> dict[str, int]:
    """Bytes. pss: what several share counts once, which is what a container is charged for."""
    sums = {"rss": 0, "pss": 0}
    for pid in pids:
        with suppress(OSError):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                name = line.partition(":")[0].lower()
                if name in sums:
                    sums[name] += int(line.split()[1]) * KIBI
    return sums


def open_files(pids: Iterable[int]) -> int:
    count = 0
    for pid in pids:
        with suppress(OSError):
            count += len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208 - only counted, every two seconds
    return count


def machine() -> dict[str, float]:
    """Busy and idle CPU seconds since the start of the machine, and the bytes of memory that are free for use."""
    fields = [int(field) / TICKS for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
    idle = fields[3] + fields[4]
    lines = Path("/proc/meminfo").read_text().splitlines()
    free = next(int(line.split()[1]) * KIBI for line in lines if line.startswith("MemAvailable:"))
    return {"busy": sum(fields) - idle, "idle": idle, "memory_free": free}


def disk(folder: Path) -> dict[str, float]:
    """Of the device that holds the folder, since the start of the machine; empty if the kernel does not tell."""
    device = folder.stat().st_dev
    wanted = [str(os.major(device)), str(os.minor(device))]
    for line in Path("/proc/diskstats").read_text().splitlines():
        fields = line.split()
        if fields[:2] == wanted:
            read, written, busy_ms = int(fields[5]), int(fields[9]), int(fields[12])
            return {"read": read * SECTOR, "written": written * SECTOR, "busy": busy_ms / 1000}
    return {}


def folder_size(folder: Path) -> dict[str, int]:
    """Bytes and files below it; what vanishes meanwhile does not count."""
    size = files = 0
    for base, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                size, files = size + os.stat(f"{base}/{name}").st_size, files + 1  # noqa: PTH116 - as above
    return {"bytes": size, "files": files}


def reading(names: Mapping[str, int], cpu: CpuCounter) -> dict[str, dict[str, Any]]:
    """`names`: the session of each, 0: not started. Of each the CPU seconds, memory, open files."""
    sessions = by_session()
    return {
        name: {"cpu": cpu.count(name, pids), **memory(pids), "files": open_files(pids), "alive": bool(pids)}
        for name, session in names.items()
        for pids in [sessions.get(session, []) if session else []]
    }
