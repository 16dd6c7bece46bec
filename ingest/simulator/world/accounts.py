"""Accounts: people arrive, change their handles, leave, and some of them come back."""

from collections import deque
from collections.abc import Callable

from ingest.simulator import wire
from ingest.simulator.world.identifiers import iso_ms
from ingest.simulator.world.people import Person, handle
from ingest.simulator.world.stage import Moment, Stage

_PATIENCE = 10  # so many are away before the first of them returns
_LEAVING = ("deactivated",) * 5 + ("deleted",) * 3 + ("takendown", "suspended")
_TROUBLE = ("desynchronized", "throttled")  # states of an account that stays active
_FIRST_SEQ = 31_000_000_000


class Accounts:
    """Each method returns a moment. What must follow it soon goes to `later`, which the world asks first.

    `profile` writes a person's first profile.
    """

    def __init__(self, stage: Stage, seed: int, profile: Callable[[Person], Moment]) -> None:
        self._stage, self._seed, self._profile = stage, seed, profile
        self._away: deque[Person] = deque()
        self._changes = 0
        self._seq = _FIRST_SEQ
        self.later: deque[Callable[[], Moment]] = deque()

    def arrive(self) -> Moment:
        return self._arrival(self._stage.people.anybody())

    def change_handle(self) -> Moment:
        """An identity event: three of four name the handle, as upstream does."""
        person = self._stage.people.pick()
        if self._stage.random() < 0.2:
            self._changes += 1
            person.handle = handle(self._seed, person.place, self._changes)
        return self._identity(person, named=self._stage.random() < 0.75)

    def leave(self) -> Moment:
        """Somebody leaves. Who is deactivated or suspended returns after a while; for others a newcomer arrives."""
        person = self._stage.people.anybody()
        if not person.active:
            return self._come_back(person)
        if self._stage.random() < 0.15:
            return self._account(person, active=True, status=_TROUBLE[self._stage.writer.number(2)])
        status = _LEAVING[self._stage.writer.number(len(_LEAVING))]
        person.active = False
        if status in ("deleted", "takendown"):
            self.later.append(lambda: self._arrival(person))
        else:
            self._away.append(person)
        return self._account(person, active=False, status=status)

    def come_back(self) -> Moment:
        if len(self._away) < _PATIENCE:
            return self.leave()
        return self._come_back(self._away.popleft())

    def _come_back(self, person: Person) -> Moment:
        if person in self._away:
            self._away.remove(person)
        person.active = True
        return self._account(person, active=True)

    def _arrival(self, instead_of: Person) -> Moment:
        instead_of.active = False  # nothing more comes from an account whose place is taken
        person = self._stage.people.newcomer(instead_of)
        self.later.append(lambda: self._account(person, active=True))
        self.later.append(lambda: self._profile(person))
        return self._identity(person, named=True)

    def _identity(self, person: Person, named: bool) -> Moment:
        return self._event(person, "identity", {"handle": person.handle} if named else {})

    def _account(self, person: Person, active: bool, status: str | None = None) -> Moment:
        return self._event(person, "account", {"active": active} | ({"status": status} if status else {}))

    def _event(self, person: Person, kind: str, body: wire.Record) -> Moment:
        time_us = self._stage.clock.stamp(person).time_us
        self._seq += 1 + self._stage.writer.number(100)  # upstream counts all events, not only these
        body |= {"did": person.did, "seq": self._seq, "time": iso_ms(time_us - 40_000)}
        return time_us, wire.about_account(person.did, time_us, kind, body)
