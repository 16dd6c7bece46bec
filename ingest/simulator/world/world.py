"""A small network from a seed: endless events of all kinds, in today's proportions."""

from collections.abc import Callable, Iterator
from itertools import count

from ingest.simulator.world.accounts import Accounts
from ingest.simulator.world.interactions import Interactions
from ingest.simulator.world.people import Person
from ingest.simulator.world.posting import Posting
from ingest.simulator.world.rarities import Rarities
from ingest.simulator.world.stage import BLOCK, FOLLOW, LIKE, POST, REPOST, Moment, Stage

USERS = 50_000
_TABLE_SIZE = 10_000  # the shares below are parts of it; what is left over goes to likes

Act = Callable[[], Moment | None]


class World:
    """Iterating yields `(time_us, frame)` endlessly: the same for the same arguments, on any machine.

    `start_us`: time of the first event, microseconds since 1970. `per_second`: events in a second of simulated time.
    Event i is at `start_us + i * 1e6 / per_second` and up to 10 ms later, as arrival between repositories has no
    order; within one repository time never falls and revs strictly rise. Frames carry no `cursor`. A second iteration
    goes on where the first one is.
    """

    def __init__(self, seed: int, start_us: int, per_second: float, users: int = USERS) -> None:
        self._start_us, self._step_us = start_us, 1e6 / per_second
        self._stage = stage = Stage(seed, users)
        self._interactions = Interactions(stage)
        self._posting = Posting(stage)
        rarities = Rarities(stage, self._posting.embeds)
        self._accounts = Accounts(stage, seed, rarities.first_profile)
        self._acts = self._table(rarities)
        self._number = count()

    def __iter__(self) -> Iterator[Moment]:
        acts, random, clock, later = self._acts, self._stage.random, self._stage.clock, self._accounts.later
        for number in self._number:
            clock.now_us = self._start_us + int(number * self._step_us)
            act = acts[int(random() * _TABLE_SIZE)] if not later else later.popleft()
            yield act() or self._posting.post()

    def people(self) -> list[Person]:
        """Those who have acted or were spoken of, and are still there."""
        return self._stage.people.present()

    def _table(self, rarities: Rarities) -> list[Act]:
        """As many entries of each act as it has parts in the whole."""
        does, posting, accounts = self._interactions, self._posting, self._accounts
        shares: list[tuple[int, Act]] = [
            (1180, posting.post),
            (1000, does.repost),
            (600, does.follow),
            (160, does.unlike),
            (130, does.unfollow),
            (120, posting.delete),
            (60, does.unrepost),
            (20, does.unblock),
            (10, rarities.remove),
            (80, does.block),
            (100, rarities.profile),
            (60, rarities.listitem),
            (8, rarities.list),
            (10, rarities.listblock),
            (30, rarities.threadgate),
            (10, rarities.postgate),
            (4, rarities.starterpack),
            (3, rarities.generator),
            (40, rarities.status),
            (180, rarities.unknown),
            (20, posting.edit),
            (20, self._bring_back),
            (20, accounts.arrive),
            (45, accounts.change_handle),
            (15, accounts.leave),
            (15, accounts.come_back),
        ]
        acts = [act for share, act in shares for _ in range(share)]
        return acts + [does.like] * (_TABLE_SIZE - len(acts))

    def _bring_back(self) -> Moment | None:
        """Make again, under the same rkey, what was deleted some time ago."""
        deleted = self._stage.deleted
        if not deleted or not deleted[0].person.active:
            return None
        thing = deleted.popleft()
        does = self._interactions
        makers = {
            LIKE: does.like,
            REPOST: does.repost,
            FOLLOW: does.follow,
            BLOCK: does.block,
            POST: self._posting.post,
        }
        maker = makers.get(thing.collection)
        return maker and maker(thing.person, thing.rkey)
