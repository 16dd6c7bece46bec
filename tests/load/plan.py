"""What a run does and when: its size, the faults in its middle, the spike, and the settings of the service. Pure."""

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

VICTIMS = ("consumer", "flusher", "redis", "web")
KILLS_AT = (0.15, 0.30, 0.45, 0.58)  # parts of the run
SPIKE_AT = 0.67
SPIKE_FACTOR = 3
SPIKE_SECONDS = 60.0
MIN_FLUSHES = 12
FLUSH_INTERVAL_SECONDS = 300  # the defaults of .env.example
FLUSH_MAX_EVENTS = 200_000
COMPACT_AFTER_SECONDS = 60  # not the default of an hour: an hour that ends within the run is compacted within the run


class Kill(NamedTuple):
    """`at`: seconds since the first event."""

    victim: str
    at: float


@dataclass(frozen=True)
class Plan:
    """`rate`: events a second. `minutes`: how long events are made; people ask until then."""

    users: int = 20
    rate: int = 2_000
    minutes: float = 60
    seed: int = 1

    @property
    def seconds(self) -> float:
        return self.minutes * 60

    @property
    def kills(self) -> list[Kill]:
        return [Kill(victim, part * self.seconds) for victim, part in zip(VICTIMS, KILLS_AT, strict=True)]

    @property
    def spike_at(self) -> float:
        return SPIKE_AT * self.seconds

    @property
    def spike_seconds(self) -> float:
        """A minute, or a tenth of a run of less than ten."""
        return min(SPIKE_SECONDS, self.seconds / 10)

    @property
    def spike_events(self) -> int:
        """Those that come in addition."""
        return int(self.rate * (SPIKE_FACTOR - 1) * self.spike_seconds)

    @property
    def events(self) -> int:
        return int(self.rate * self.seconds) + self.spike_events

    @property
    def flush_interval(self) -> int:
        """The default, or less, so that a short run has its flushes too."""
        return max(1, min(FLUSH_INTERVAL_SECONDS, int(self.seconds / MIN_FLUSHES)))

    @property
    def flush_seconds(self) -> float:
        """From one flush to the next, at the usual rate."""
        return min(self.flush_interval, FLUSH_MAX_EVENTS / self.rate)

    def settings(self) -> dict[str, str]:
        """The variables of the service that are not the defaults of .env.example and deploy/compose.yml."""
        return {
            "FLUSH_INTERVAL_SECONDS": str(self.flush_interval),
            "COMPACT_AFTER_SECONDS": str(COMPACT_AFTER_SECONDS),
        }

    def described(self) -> dict[str, Any]:
        return asdict(self) | {
            "events": self.events,
            "spike_at": self.spike_at,
            "spike_seconds": self.spike_seconds,
            "flush_seconds": self.flush_seconds,
            "settings": self.settings(),
        }
