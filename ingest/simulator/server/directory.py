"""Who has which handle in a world, as an AppView would say it."""

import json
from collections.abc import Iterable
from urllib.parse import parse_qsl, urlsplit

from ingest.simulator.world.people import Person
from ingest.simulator.world.world import World

_PROFILES = "/xrpc/app.bsky.actor.getProfiles"
_RESOLVE = "/xrpc/com.atproto.identity.resolveHandle"
_MOST = 25


class Directory:
    """Of a world that may begin later: until then, and of a recording, it knows nobody."""

    def __init__(self) -> None:
        self._world: World | None = None

    def of(self, world: World) -> World:
        self._world = world
        return world

    def answer(self, target: str) -> tuple[int, str] | None:
        """Status and JSON for the path and query of a request; None when it is no question to an AppView."""
        path = urlsplit(target).path
        asked = [value for name, value in parse_qsl(urlsplit(target).query) if name in ("actors", "handle")]
        if path == _PROFILES:
            return self._profiles(asked)
        return self._resolve(asked) if path == _RESOLVE else None

    def _profiles(self, dids: list[str]) -> tuple[int, str]:
        if not 1 <= len(dids) <= _MOST:
            return _refused(f"actors must be 1 to {_MOST}")
        wanted = set(dids)
        found = [person for person in self._people() if person.active and person.did in wanted]
        return 200, json.dumps({"profiles": [{"did": person.did, "handle": person.handle} for person in found]})

    def _resolve(self, handles: list[str]) -> tuple[int, str]:
        found = [person.did for person in self._people() if person.handle in handles[:1]]
        return (200, json.dumps({"did": found[0]})) if found else _refused("Unable to resolve handle")

    def _people(self) -> Iterable[Person]:
        return () if self._world is None else self._world.people()


def _refused(message: str) -> tuple[int, str]:
    return 400, json.dumps({"error": "InvalidRequest", "message": message})
