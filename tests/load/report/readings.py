"""What a run has left in its folder: run.json, samples.ndjson, requests.ndjson."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

Point = tuple[float, float | None]
OURS = ("consumer", "flusher", "compactor", "handles", "maintenance", "web", "redis")  # of the service
THEIRS = ("firehose", "people")  # what loads it


class Request(NamedTuple):
    """`at`: when it was asked, seconds since 1970. `fault`: why it failed; "wrong: ...": its answer was not right."""

    at: float
    kind: str
    ms: float
    fault: str = ""

    @property
    def wrong(self) -> bool:
        return self.fault.startswith("wrong")


@dataclass(frozen=True)
class Readings:
    """`record`: run.json. Times are seconds since 1970."""

    record: dict[str, Any]
    samples: list[dict[str, Any]]
    requests: list[Request]

    @property
    def plan(self) -> dict[str, Any]:
        plan: dict[str, Any] = self.record["plan"]
        return plan

    @property
    def began(self) -> float:
        return float(self.record["began"])

    @property
    def ended(self) -> float:
        return float(self.record.get("ended", self.samples[-1]["at"]))

    def during(self) -> list[dict[str, Any]]:
        """The samples while events were made."""
        return [sample for sample in self.samples if sample["at"] <= self.ended]

    def points(self, *path: str) -> list[Point]:
        """(time, value) of each sample while events were made; None where it has none."""
        return [(sample["at"], _at(sample, path)) for sample in self.during()]

    def values(self, *path: str, where: Callable[[float], bool] = lambda at: True) -> list[float]:
        return [value for at, value in self.points(*path) if value is not None and where(at)]

    def rates(self, *path: str) -> list[Point]:
        """Of a counter: its rise a second since the sample before. After a restart it has risen from zero."""
        return list(_rates(self.points(*path)))


def _at(sample: Any, path: tuple[str, ...]) -> float | None:
    for key in path:
        sample = sample.get(key) if isinstance(sample, dict) else None
    return None if sample is None else float(sample)


def _rates(points: list[Point]) -> Iterator[Point]:
    for (before, low), (at, high) in pairwise(points):
        if low is None or high is None or at <= before:
            yield at, None
        else:
            yield at, _rise(low, high) / (at - before)


def _rise(low: float, high: float) -> float:
    """The kernel's sums of CPU time may fall by a tick; a counter of a new process falls far."""
    if high < low / 2:
        return high
    return max(0.0, high - low)


def read(folder: Path) -> Readings:
    requests = [
        Request(line["at"], line["kind"], line["ms"], line.get("fault", "")) for line in _lines(folder, "requests")
    ]
    return Readings(json.loads((folder / "run.json").read_text()), list(_lines(folder, "samples")), requests)


def _lines(folder: Path, name: str) -> Iterator[dict[str, Any]]:
    """A line that a kill has cut off does not count."""
    path = folder / f"{name}.ndjson"
    for line in path.read_text().splitlines() if path.exists() else ():
        try:
            yield json.loads(line)
        except ValueError:
            continue
