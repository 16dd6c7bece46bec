"""A small network from a seed: endless events of all kinds, in realistic proportions."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count

from ingest.simulator.world.accounts import Accounts
from ingest.simulator.world.interactions import Interactions
from ingest.simulator.world.other_records import OtherRecords
from ingest.simulator.world.people import Person
from ingest.simulator.world.posts import Posts
from ingest.simulator.world.state import BLOCK, FOLLOW, LIKE, OTHER, POST, REPOST, State, TimedFrame

USERS = 50_000
_TABLE_SIZE = 10_000  # the sum of the shares below; likes have the rest

EventMaker = Callable[[], TimedFrame | None]


class World:
    """Yields `(time_us, frame)` endlessly: the same for the same arguments, on any machine.

    `start_us`: time of the first event, microseconds since 1970. `per_second`: events in a second of simulated time.
    Event i is at `start_us + i * 1e6 / per_second` or up to 10 ms later, as arrival is not ordered across repositories;
    within one, time never falls and revs strictly rise. Frames carry no `cursor`. A second iteration continues the
    first one.
    """

    def __init__(self, seed: int, start_us: int, per_second: float, users: int = USERS) -> None:
        self._start_us, self._step_us = start_us, 1e6 / per_second
        self._state = state = State(seed, users)
        self._posts, interactions = Posts(state), Interactions(state)
        self._creators: dict[str, Callable[..., TimedFrame | None]] = {
            LIKE: partial(interactions.about_post, LIKE),
            REPOST: partial(interactions.about_post, REPOST),
            FOLLOW: partial(interactions.about_account, FOLLOW),
            BLOCK: partial(interactions.about_account, BLOCK),
            POST: self._posts.post,
        }
        others = OtherRecords(state, self._posts.embeds)
        self._accounts = Accounts(state, seed, others.first_profile)
        self._makers = self._table(others)
        self._number = count()

    def __iter__(self) -> Iterator[TimedFrame]:
        makers, random, clock, later = self._makers, self._state.random, self._state.clock, self._accounts.later
        for number in self._number:
            clock.now_us = self._start_us + int(number * self._step_us)
            make = makers[int(random() * _TABLE_SIZE)] if not later else later.popleft()
            yield make() or self._posts.post()

    def people(self) -> list[Person]:
        """All people so far, without those that were replaced."""
        return self._state.people.present()

    def _table(self, others: OtherRecords) -> list[EventMaker]:
        """An entry per share: a random one gives the proportions."""
        posts, accounts, creators = self._posts, self._accounts, self._creators
        shares: list[tuple[int, EventMaker]] = [
            (1180, creators[POST]),
            (1000, creators[REPOST]),
            (600, creators[FOLLOW]),
            (160, partial(self._state.delete_any, LIKE)),
            (130, partial(self._state.delete_any, FOLLOW)),
            (120, posts.delete),
            (60, partial(self._state.delete_any, REPOST)),
            (20, partial(self._state.delete_any, BLOCK)),
            (10, partial(self._state.delete_any, OTHER)),
            (80, creators[BLOCK]),
            (100, others.profile),
            (60, others.listitem),
            (8, others.list),
            (10, others.listblock),
            (30, others.threadgate),
            (10, others.postgate),
            (4, others.starterpack),
            (3, others.generator),
            (40, others.status),
            (180, others.unknown),
            (20, posts.edit),
            (20, self._recreate),
            (20, accounts.arrive),
            (45, accounts.change_handle),
            (15, accounts.leave),
            (15, accounts.come_back),
        ]
        makers = [make for share, make in shares for _ in range(share)]
        return makers + [creators[LIKE]] * (_TABLE_SIZE - len(makers))

    def _recreate(self) -> TimedFrame | None:
        """Makes a record again that was deleted some time ago, under the same rkey."""
        deleted = self._state.deleted
        if not deleted or not deleted[0].person.active:
            return None
        record = deleted.popleft()
        make = self._creators.get(record.collection)
        return make and make(record.person, record.rkey)
