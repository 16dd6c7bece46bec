"""`make bench`: every measurement, one after the other, with the machine's name beside the figures. One alone:
`python -m tests.bench search --posts 30000000`; each says with --help what it takes."""

import os
import platform
import sys
from importlib import import_module

PARTS = (
    "socket_to_redis",
    "redis_to_lake",
    "storage",
    "search",
    "export",
    "users",
    "labels",
)  # of `make bench`, in this order
ALONE = ("months", "indexes", "redis_load")


def run(given: list[str]) -> None:
    names = given[:1] or PARTS
    if unknown := set(names) - {*PARTS, *ALONE}:
        sys.exit(f"{unknown.pop()} is no part: {', '.join((*PARTS, *ALONE))}.")
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; compare, don't quote")
    for name in names:
        part = import_module(f"tests.bench.{name}")
        part.main() if name in PARTS[:2] else part.main(given[1:])


if __name__ == "__main__":
    run(sys.argv[1:])
