"""The handles of a world, served like an AppView."""

import json
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit

from ingest.simulator.world.people import Person
from ingest.simulator.world.world import World

_PROFILES = "/xrpc/app.bsky.actor.getProfiles"
_RESOLVE = "/xrpc/com.atproto.identity.resolveHandle"
_MAX_ACTORS = 25


class SimulatedAppView:
    """Knows no accounts until `of` gives it a world, and none of a recording."""

    def __init__(self) -> None:
        self._world: World | None = None

    def of(self, world: World) -> World:
        self._world = world
        return world

    def answer(self, target: str) -> tuple[int, str] | None:
        """Status and JSON for the path and query of a request; None when it is not for an AppView."""
        path = urlsplit(target).path
        values = [value for name, value in parse_qsl(urlsplit(target).query) if name in ("actors", "handle")]
        if path == _PROFILES:
            return self._profiles(values)
        return self._resolve(values) if path == _RESOLVE else None

    def _profiles(self, dids: list[str]) -> tuple[int, str]:
        if not 1 <= len(dids) <= _MAX_ACTORS:
            return _refused(f"actors must be 1 to {_MAX_ACTORS}")
        people = [person for person in self._people() if person.active and person.did in set(dids)]
        return 200, json.dumps({"profiles": [{"did": person.did, "handle": person.handle} for person in people]})

    def _resolve(self, handles: list[str]) -> tuple[int, str]:
        dids = [person.did for person in self._people() if person.handle in handles[:1]]
        return (200, json.dumps({"did": dids[0]})) if dids else _refused("Unable to resolve handle")

    def _people(self) -> Iterable[Person]:
        return () if self._world is None else self._world.people()


def _refused(message: str) -> tuple[int, str]:
    return 400, json.dumps({"error": "InvalidRequest", "message": message})
