"""Account and identity events: people arrive, change handles, leave, and some come back."""

from collections import deque
from collections.abc import Callable

from ingest.simulator import wire
from ingest.simulator.world.identifiers import iso_ms
from ingest.simulator.world.people import Person, handle
from ingest.simulator.world.state import State, TimedFrame

_MIN_AWAY = 10  # accounts away before the first of them returns
_LEAVING = ("deactivated",) * 5 + ("deleted",) * 3 + ("takendown", "suspended")
_ACTIVE_STATUSES = ("desynchronized", "throttled")  # of accounts that stay active
_FIRST_SEQ = 31_000_000_000


class Accounts:
    """Each method returns an event. Events that must follow soon go to `later`, which the world empties first.

    `profile` makes a person's first profile.
    """

    def __init__(self, state: State, seed: int, profile: Callable[[Person], TimedFrame]) -> None:
        self._state, self._seed, self._profile = state, seed, profile
        self._away: deque[Person] = deque()
        self._changes = 0
        self._seq = _FIRST_SEQ
        self.later: deque[Callable[[], TimedFrame]] = deque()

    def arrive(self) -> TimedFrame:
        return self._arrival(self._state.people.anybody())

    def change_handle(self) -> TimedFrame:
        """An identity event; three of four name the handle, as upstream."""
        person = self._state.people.pick()
        if self._state.random() < 0.2:
            self._changes += 1
            person.handle = handle(self._seed, person.place, self._changes)
        return self._identity(person, named=self._state.random() < 0.75)

    def leave(self) -> TimedFrame:
        """An account is deactivated or suspended and returns after a while, or a newcomer takes its place."""
        person = self._state.people.anybody()
        if not person.active:
            return self._come_back(person)
        if self._state.random() < 0.15:
            return self._account(person, active=True, status=_ACTIVE_STATUSES[self._state.writer.number(2)])
        status = _LEAVING[self._state.writer.number(len(_LEAVING))]
        person.active = False
        if status in ("deleted", "takendown"):
            self.later.append(lambda: self._arrival(person))
        else:
            self._away.append(person)
        return self._account(person, active=False, status=status)

    def come_back(self) -> TimedFrame:
        if len(self._away) < _MIN_AWAY:
            return self.leave()
        return self._come_back(self._away.popleft())

    def _come_back(self, person: Person) -> TimedFrame:
        if person in self._away:
            self._away.remove(person)
        person.active = True
        return self._account(person, active=True)

    def _arrival(self, instead_of: Person) -> TimedFrame:
        instead_of.active = False  # no more events of an account whose place is taken
        person = self._state.people.newcomer(instead_of)
        self.later.append(lambda: self._account(person, active=True))
        self.later.append(lambda: self._profile(person))
        return self._identity(person, named=True)

    def _identity(self, person: Person, named: bool) -> TimedFrame:
        return self._event(person, "identity", {"handle": person.handle} if named else {})

    def _account(self, person: Person, active: bool, status: str | None = None) -> TimedFrame:
        return self._event(person, "account", {"active": active} | ({"status": status} if status else {}))

    def _event(self, person: Person, kind: str, body: wire.Record) -> TimedFrame:
        time_us = self._state.clock.stamp(person).time_us
        self._seq += 1 + self._state.writer.number(100)  # upstream counts all events
        body |= {"did": person.did, "seq": self._seq, "time": iso_ms(time_us - 40_000)}
        return time_us, wire.about_account(person.did, time_us, kind, body)
