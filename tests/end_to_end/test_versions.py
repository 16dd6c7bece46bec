"""Which version of a post shows, and whether it shows at all, does not depend on the order in which its events come,
nor on the batches that they come in. Through the real search."""

from itertools import permutations, product

import pytest

from lake.query.parser import parse
from lake.query.spec import Search
from lake.search.reader import Reader
from lake.storage.duckdb_engine import Engine
from tests.builders import NOON_US, account, delete, post, tid

SECOND_US, MINUTE_US, HOUR_US = 1_000_000, 60_000_000, 3_600_000_000
STEPS_US = {"a second": SECOND_US, "seven minutes": 7 * MINUTE_US, "three hours": 3 * HOUR_US}


class History:
    """The events of one post in the order in which they happened, a step apart. `rkey`: else it is of the clock."""

    def __init__(self, *operations, step_us=SECOND_US, rkey=None, revs=None):
        self.operations, self.step_us, self.rkey, self.revs = operations, step_us, rkey or tid(NOON_US), revs

    def frames(self, did):
        return [self._frame(did, number, operation) for number, operation in enumerate(self.operations)]

    def _frame(self, did, number, operation):
        time_us = NOON_US + number * self.step_us
        rev = self.revs[number] if self.revs else tid(time_us)
        if operation == "delete":
            return delete(self.rkey, did=did, time_us=time_us, rev=rev)
        if operation in ("deactivated", "back"):
            status = None if operation == "back" else operation
            return account(operation == "back", status, did=did, time_us=time_us, seq=number + 1, time=moment(time_us))
        return post(text_of(number), operation, did=did, time_us=time_us, rkey=self.rkey, rev=rev)


def moment(time_us):
    minutes, seconds = divmod((time_us - NOON_US) // SECOND_US, 60)
    return f"2026-07-01T{12 + minutes // 60:02}:{minutes % 60:02}:{seconds:02}.000Z"


def text_of(number):
    return f"version {number}"


def batches(frames):
    """The frames in all orders, each cut into batches in all ways."""
    for order in permutations(frames):
        for cuts in product((False, True), repeat=len(order) - 1):
            parts = [[order[0]]]
            for frame, cut in zip(order[1:], cuts, strict=True):
                if cut:
                    parts.append([])
                parts[-1].append(frame)
            yield parts


def shown(lake):
    """The texts that a search finds, by author."""
    found = {}
    reader = Reader(Engine("500MB", 1), lake.root)
    offset = 0
    while hits := reader.find(Search(parse("version")), 500, offset).hits:
        for hit in hits:
            found.setdefault(hit.did, []).append(hit.fields["text"])
        offset += len(hits)
    return found


def must_show(lake, *cases):
    """Histories, each with the texts that must show at its end: in all orders and cuts at once, each of an author."""
    expected = {}
    rounds = [[] for _ in range(4)]
    for history, texts in cases:
        for number, _ in enumerate(batches(history.operations)):
            did = f"did:plc:{len(expected):024}"
            expected[did] = sorted(texts)
            for parts, frames in zip(rounds, nth(batches(history.frames(did)), number), strict=False):
                parts.extend(frames)
    for frames in filter(None, rounds):
        lake.flush(*frames)
    found = shown(lake)
    wrong = {did: found.get(did, []) for did, texts in expected.items() if sorted(found.get(did, [])) != texts}
    assert not wrong, f"{len(wrong)} of {len(expected)}, such as {next(iter(wrong.items()))}"


def nth(iterator, number):
    return next(item for place, item in enumerate(iterator) if place == number)


HISTORIES = {
    "created, deleted": (("create", "delete"), []),
    "created, updated": (("create", "update"), [text_of(1)]),
    "created, updated twice, deleted": (("create", "update", "update", "delete"), []),
    "created, deleted, created again": (("create", "delete", "create"), [text_of(2)]),
    "created again, then updated": (("create", "delete", "create", "update"), [text_of(3)]),
    "deleted again": (("create", "delete", "create", "delete"), []),
    "account gone": (("create", "deactivated"), []),
    "account back": (("create", "deactivated", "back"), [text_of(0)]),
    "account back and gone": (("create", "deactivated", "back", "deactivated"), []),
    "updated, account back": (("create", "update", "deactivated", "back"), [text_of(1)]),
}


@pytest.mark.parametrize(
    "step", [*(pytest.param(step, marks=pytest.mark.slow) for step in ("a second", "seven minutes")), "three hours"]
)
def test_the_right_version_shows_in_whatever_order_and_batches(lake, step):
    """`self` is a key that does not tell its time."""
    cases = [
        (History(*operations, step_us=STEPS_US[step], rkey=rkey), texts)
        for (operations, texts), rkey in product(HISTORIES.values(), (None, "self"))
    ]
    must_show(lake, *cases)


def test_equal_revs_are_no_later_version(lake):
    """Nothing has a higher rev, so both show: the rule is the rev, not the order of arrival."""
    must_show(lake, (History("create", "update", revs=["3mplhr77buizd"] * 2), [text_of(0), text_of(1)]))


def test_a_delete_of_the_same_rev_hides_nothing(lake):
    must_show(lake, (History("create", "delete", revs=["3mplhr77buizd"] * 2), [text_of(0)]))


def test_a_later_event_with_a_smaller_rev_is_the_older_version(lake):
    must_show(lake, (History("create", "update", revs=["3mplhr77buizd", "3mplhr77buizc"]), [text_of(0)]))


@pytest.mark.parametrize("last", ["deactivated", "back"])
def test_of_account_events_of_the_same_time_the_higher_seq_decides(lake, last):
    first = "back" if last == "deactivated" else "deactivated"
    history = History("create", first, last, step_us=0)
    must_show(lake, (history, [text_of(0)] if last == "back" else []))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["created, deleted, created again", "account back"])
def test_each_order_alone_in_its_batches_gives_the_same(lake, name):
    """As above, but nothing else is in the batches: what is near in time is as little as it can be."""
    operations, expected = HISTORIES[name]
    history = History(*operations, step_us=3 * HOUR_US)
    count = sum(1 for _ in batches(operations))
    for number in range(count):
        did = f"did:plc:{number:024}"
        for frames in nth(batches(history.frames(did)), number):
            lake.flush(*frames)
        assert shown(lake).get(did, []) == expected, number
