"""What deploy/compose.yml gives each process: memory, cores, and Redis its maxmemory."""

import re
from functools import cache
from typing import Any, NamedTuple

import yaml

from deploy.local.child import ROOT

DISK_BYTES = 80e9  # of the server that docs/hetzner.md rents
MEGA = 1024**2


class Limits(NamedTuple):
    memory: float  # bytes
    cores: float


@cache
def _services() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yml").read_text())["services"]
    return services


def limits(process: str) -> Limits:
    service = _services()[process]
    return Limits(float(service["mem_limit"].removesuffix("m")) * MEGA, float(service["cpus"]))


def compose_variables() -> dict[str, str]:
    """The limit of a query's memory, as it fits the container of the web process."""
    given = _services()["web"]["environment"]["QUERY_MEMORY_LIMIT"]
    return {"QUERY_MEMORY_LIMIT": re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", given)}
