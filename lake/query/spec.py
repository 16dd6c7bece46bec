"""A search, and the total order of its hits. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from lake.labelfilter.thresholds import DEFAULT, Thresholds
from lake.query.tree import And, Node, any_filter
from lake.schema import DATASETS, Dataset
from process.instants import iso_us, microseconds

FIRST_US, LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999  # the years 1 to 9999
CLOCKS = {"seen": "seen", "created": "created_at"}  # and their columns
EVERYTHING = And(())
OPTED_OUT, SIGNED_IN_ONLY = "opted_out", "signed_in_only"  # lists of accounts; the tables of their DIDs
WITHHELD = (OPTED_OUT, SIGNED_IN_ONLY)  # from readers of whom nothing is known


class SortKey(NamedTuple):
    """A row's place in the total order: its time in microseconds, then what tells rows of one time apart. `collection`:
    empty for account events."""

    us: int
    did: str
    collection: str
    rkey: str
    version: str


def saved_key(values: Sequence[Any], dataset: Dataset) -> SortKey | None:
    """A key out of a token or a state file. Older ones lack the collection: None where that leaves the place
    unknown. Raises TypeError when it is no key."""
    if len(values) == len(SortKey._fields) - 1:
        us, did, rkey, version = values
        return None if "collection" in dataset.order else SortKey(us, did, dataset.collection or "", rkey, version)
    return SortKey(*values)


class ResumePoint(NamedTuple):
    """Where a scan goes on: rows at this position or below, and of the position itself only those behind `after`, if
    there is one. A position is a time in microseconds, or its negative where the oldest come first: every scan goes
    down."""

    position: int
    after: SortKey | None = None


@dataclass(frozen=True)
class Search:
    """Rows of a dataset that the query matches, whose time by the clock is in [start, end). `hide`: leave out rows that
    are deleted, superseded or of an inactive account; without it they show until they are purged. Rows and versions
    that came after `snapshot_us`, by the lake's clock, do not exist. `timeout`: seconds for a whole page, or for each
    slice of an export. `thresholds`: of labels that are asked for without a score. `labelled`: what is made of the rows
    needs their labels, also where the query does not. `withhold`: the lists whose accounts' rows do not show, whatever
    `hide` says."""

    query: Node = EVERYTHING
    dataset: str = "posts"
    start: datetime | None = None
    end: datetime | None = None
    clock: str = "seen"
    newest: bool = True
    hide: bool = True
    snapshot_us: int = LAST_US
    timeout: float = 30.0
    thresholds: Thresholds = DEFAULT
    labelled: bool = False
    withhold: tuple[str, ...] = WITHHELD

    @property
    def reads_labels(self) -> bool:
        """Its rows are read beside the labels of their hour."""
        return self.labelled or any_filter(self.query, "label")

    @property
    def of(self) -> Dataset:
        return DATASETS[self.dataset]

    @property
    def time(self) -> str:
        """The column of the clock."""
        return CLOCKS[self.clock]

    @property
    def as_of(self) -> str | None:
        """The moment that its answer stands for, ISO 8601; None: none was chosen."""
        return None if self.snapshot_us == LAST_US else iso_us(self.snapshot_us)

    def position(self, us: int) -> int:
        return us if self.newest else -us

    def resume_after(self, key: SortKey) -> ResumePoint:
        return ResumePoint(self.position(key.us), key)

    def span(self) -> tuple[int, int]:
        """First and last microsecond of [start, end)."""
        low = FIRST_US if self.start is None else microseconds(self.start)
        return low, LAST_US if self.end is None else microseconds(self.end) - 1

    def positions(self) -> tuple[int, int]:
        """Lowest and highest position of [start, end)."""
        low, high = self.span()
        return (low, high) if self.newest else (-high, -low)
