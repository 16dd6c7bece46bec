"""The lake's clock: the moment that an answer stands for, in microseconds since 1970.

It goes by `seen`: an answer for a moment has the rows that were seen until then. A row is late when it comes after an
answer may have stood for its `seen`, or a later moment: its column `learned` has the moment from which on it exists. So
an answer for a moment stays the same whatever comes afterwards, less what is deleted. In short: a row exists for an
answer when coalesce(learned, seen) is not after the answer's moment.

A writer of rows takes a turn for each commit, before it writes the files:

    with clock.turn() as turn:
        ...  # rows with seen <= turn.passed_us get learned = turn.learned_us, as do tombstones of newer versions
        with transaction.atomic():
            clock.advance(turn, newest, ingested)  # before the files are listed
            ...
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from lake.catalog import listing
from lake.errors import LakeUnusable
from lake.models import CatalogIdentity
from process.instants import microseconds
from process.locks import exclusive, lock_path

AHEAD = timedelta(hours=1)  # the most that seen is ahead of its ingest
PATIENCE = timedelta(minutes=10)  # the longest turn


class Turn(NamedTuple):
    """A writer's turn. `passed_us`: no answer before its commit stands for a later moment."""

    passed_us: int

    @property
    def learned_us(self) -> int:
        """The moment from which on its late rows exist."""
        return self.passed_us + 1


def present_us() -> int | None:
    """The moment that an answer stands for which is given now; None while the lake is new."""
    return _moment(timedelta()) or None


def stored_us() -> int:
    """The clock after the latest commit that added rows; 0: none has."""
    return CatalogIdentity.objects.values_list("clock_us", flat=True).first() or 0


@contextmanager
def turn() -> Iterator[Turn]:
    """One writer at a time has a turn: others wait for its end."""
    with exclusive(lock_path("clock"), wait=True):
        yield Turn(_moment(PATIENCE))


def advance(turn: Turn, newest: datetime | None, ingested: datetime | None) -> int:
    """To be called in the transaction of a commit, before it lists its files: the clock goes on. Returns it. `newest`:
    the latest `seen` of the rows that it adds. `ingested`: when their last event entered the buffer, if they are
    events. Raises LakeUnusable if the turn was too long."""
    if _moment(timedelta()) > turn.passed_us:
        raise LakeUnusable(f"A batch took longer than {PATIENCE}: start again. Nothing is lost.")
    reached = min(_latest(newest, listing.newest_seen()), _latest(ingested, _ingested(timedelta())))
    clock = max(turn.learned_us, microseconds(reached))
    CatalogIdentity.objects.update_or_create(pk=CatalogIdentity.ONLY, defaults={"clock_us": clock})
    return clock


def _moment(ahead: timedelta) -> int:
    """The moment of an answer that is given so long from now, unless rows come meanwhile; 0: it has none."""
    clock, newest = stored_us(), listing.newest_seen()
    return clock if newest is None else max(clock, microseconds(min(newest, _ingested(ahead))))


def _ingested(ahead: timedelta) -> datetime:
    """When the latest event was ingested; once nothing comes any more, an hour ago: rows whose time is still to come
    do not exist, else what comes before that time would change an answer that was given."""
    return _latest(listing.latest_ingest(), datetime.now(UTC) + ahead - AHEAD)


def _latest(*times: datetime | None) -> datetime:
    return max((time for time in times if time), default=datetime.min.replace(tzinfo=UTC))
