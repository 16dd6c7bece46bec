"""Which resource is nearest to its limit, and which limit the doubled load would break first. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

FACTOR = 2.0


class Resource(NamedTuple):
    """`used` of `limit` under the usual load, `idle` of it without any: that much does not grow with the load."""

    name: str
    used: float
    limit: float
    unit: str
    idle: float = 0.0

    @property
    def share(self) -> float:
        return self.used / self.limit if self.limit else 0.0

    @property
    def doubled(self) -> float:
        """The share at twice the load, as if all above `idle` grew with it."""
        idle = min(self.idle, self.used)
        return (idle + FACTOR * (self.used - idle)) / self.limit if self.limit else 0.0

    @property
    def breaks_at(self) -> float:
        """By what factor the load may grow until the limit is reached."""
        grows = self.used - min(self.idle, self.used)
        return (self.limit - self.used + grows) / grows if grows > 0 else float("inf")


def bottleneck(resources: Sequence[Resource]) -> Resource:
    """The one nearest to its limit."""
    return max(resources, key=lambda resource: resource.share)


def first_to_break(resources: Sequence[Resource]) -> Resource:
    """The limit that a growing load reaches first."""
    return min(resources, key=lambda resource: resource.breaks_at)


def number(value: float) -> str:
    """With three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def sentence(resources: Sequence[Resource]) -> str:
    nearest, first = bottleneck(resources), first_to_break(resources)
    verdict = f"{first.name} would be at {first.doubled:.0%} of its limit: the first that breaks"
    if first.doubled <= 1:
        verdict = f"no limit breaks; {first.name} comes nearest, with {first.doubled:.0%}"
    return (
        f"Nearest to its limit: {nearest.name}, {number(nearest.used)} of {number(nearest.limit)} {nearest.unit} "
        f"({nearest.share:.0%}). At twice the load {verdict} (it holds up to {first.breaks_at:.1f} times the load)."
    )
