"""Whatever comes in whatever order, and whenever it is compacted: what shows is what a plain reading of the events
says, and deleted text is in no file."""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lake.compact.compactor import Compactor
from lake.models import BatchRun, DataFile, InactiveAccount, Tombstone
from lake.storage import layout
from tests.builders import ALICE, BOB, NOON_US, account, delete, post
from tests.examples import one_in

HOUR = 3_600_000_000


class Version(NamedTuple):
    """Event number n. `deletes`: a delete of that record, else a version of it."""

    n: int
    did: str
    rkey: str
    rev: str
    deletes: bool
    us: int

    @property
    def text(self):
        return f"<text {self.n}>"

    @property
    def frame(self):
        if self.deletes:
            return delete(self.rkey, did=self.did, rev=self.rev, time_us=self.us)
        return post(self.text, "create", self.did, self.us, self.rkey, self.rev)


class Account(NamedTuple):
    n: int
    did: str
    status: str | None

    @property
    def frame(self):
        return account(
            self.status is None, self.status, self.did, NOON_US + self.n, self.n, f"2026-07-01T12:00:{self.n:02}Z"
        )


DIDS = st.sampled_from([ALICE, BOB])
MOMENTS = st.tuples(st.integers(0, 2), st.integers(0, 3)).map(lambda moment: NOON_US + moment[0] * HOUR + moment[1])
VERSIONS = st.tuples(st.just(Version), DIDS, st.sampled_from(["a", "b"]), st.booleans(), MOMENTS)
ACCOUNTS = st.tuples(st.just(Account), DIDS, st.sampled_from([None, "deactivated", "deleted"]))
STEPS = st.sampled_from(["flush", "round", "daily", "forget"])
EVENTS = st.lists(st.one_of(VERSIONS, VERSIONS, VERSIONS, ACCOUNTS, STEPS), min_size=2, max_size=24)


def numbered(script, order):
    """The script's events with their numbers; revs are a permutation of these, so that versions come in any order."""
    for n, step in enumerate(script):
        match step:
            case (kind, did, rkey, deletes, us) if kind is Version:
                yield Version(n, did, rkey, f"r{order[n]:03}", deletes, us)
            case (kind, did, status) if kind is Account:
                yield Account(n, did, status)
            case _:
                yield step


@settings(one_in(20), phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(script=EVENTS, order=st.permutations(range(24)))
def test_what_shows_is_what_the_events_say(lake, lake_root, script, order):
    for model in (DataFile, BatchRun, Tombstone, InactiveAccount):
        model.objects.all().delete()
    for folder in filter(Path.is_dir, lake_root.iterdir()):  # the marker stays: it is the same catalog
        shutil.rmtree(folder)
    compactor = Compactor(lake_root, lake_root / layout.SCRATCH, 1, 0, 0, lambda: False)
    steps = list(numbered(script, order))
    waiting = []
    for step in [*steps, "daily"]:
        if isinstance(step, str):
            if waiting:
                lake.flush(*(event.frame for event in waiting))
                waiting = []
            play(compactor, step)
        else:
            waiting.append(step)
    events = [step for step in steps if not isinstance(step, str)]
    must_show(lake, events)
    must_be_purged(lake_root, events)
    play(compactor, "forget")  # the files alone say the same
    must_show(lake, events)


def play(compactor, step):
    if step == "forget":
        Tombstone.objects.exclude(applied_at=None).update(applied_at=datetime.now(UTC) - timedelta(days=5))
    if step != "flush":
        compactor.round(daily=step in ("daily", "forget"), patient=False)


def must_show(lake, events):
    shown = {row["text"] for row in lake.rows("posts") if shows(row)}
    expected = {event.text for event in events if isinstance(event, Version) and is_latest(event, events)}
    lost = {event.text for event in events if isinstance(event, Version) and may_be_purged(event, events)}
    assert shown <= expected
    assert expected - lost <= shown


def shows(row):
    later = Tombstone.objects.filter(did=row["did"], rkey=row["rkey"], rev__gt=row["rev"])
    return row["state"] is None and not later.exists() and not InactiveAccount.objects.filter(did=row["did"]).exists()


def is_latest(event, events):
    """A version, none of whose record is later, of an account whose last event says that it is active."""
    own = [
        other for other in events if isinstance(other, Version) and (other.did, other.rkey) == (event.did, event.rkey)
    ]
    states = [other.status for other in events if isinstance(other, Account) and other.did == event.did]
    return not event.deletes and max(own, key=lambda other: other.rev) == event and (not states or states[-1] is None)


def may_be_purged(event, events):
    """Its account was deleted once while it was there: when it comes back, its text may have gone."""
    return any(isinstance(other, Account) and other.did == event.did and other.status == "deleted" for other in events)


def must_be_purged(root, events):
    """In no column of no file is the text of a version that was deleted."""
    held = "".join(str(pq.ParquetFile(path).read().to_pylist()) for path in root.rglob("*.parquet"))
    for event in events:
        if isinstance(event, Version) and not event.deletes:
            later = [o for o in events if isinstance(o, Version) and (o.did, o.rkey) == (event.did, event.rkey)]
            deleted = any(other.deletes and other.rev > event.rev for other in later)
            states = [o.status for o in events if isinstance(o, Account) and o.did == event.did]
            if deleted or (states and states[-1] == "deleted"):
                assert event.text not in held, event
