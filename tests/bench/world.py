"""Events to measure with: the simulator's world, made once and kept in var/bench."""

from itertools import islice
from pathlib import Path

from ingest.simulator.world.world import World

FOLDER = Path(__file__).parents[2] / "var" / "bench"
START_US = 1_782_907_200_000_000  # 2026-07-01T12:00:00Z
PER_SECOND = 474  # 41 million a day


def frames(count):
    """So many frames of the present mix, as bytes."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"world-{count}.ndjson"
    if not path.exists():
        print(f"making {count:,} events in {path} ...", flush=True)
        growing = path.with_suffix(".tmp")
        with growing.open("wb") as file:
            file.writelines(frame + b"\n" for _, frame in islice(World(1, START_US, PER_SECOND), count))
        growing.rename(path)
    return path.read_bytes().splitlines()
