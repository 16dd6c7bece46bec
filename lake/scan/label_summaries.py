"""Which labels the posts of an hour have, by name and model: read once from the label files, which never change. So an
hour whose posts can't have a wanted label is not scanned; of one with few such posts these rows are picked, by the time
that a label shares with its post. That only narrows: DuckDB decides."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from lake.catalog import listing
from lake.catalog.read_guard import superseded_if_replaced
from lake.labelfilter.label_sql import says_one
from lake.labelfilter.thresholds import Thresholds
from lake.labelfilter.wanted import Wanted, parse_wanted
from lake.query.spec import Search
from lake.query.text_sql import Parameters
from lake.query.tree import Filter, conjunction_of, may_match, terms
from lake.scan.scan_range import ScanFile
from lake.storage import layout, row_reader
from process.instants import microseconds

AT_ONCE = 64  # hours of one query: of a thousand labels each, some 30 ms
KEPT = 20_000  # hours, at some 500 bytes each
KEPT_ROWS = 4_000_000  # 16 MB
ENTRY = 250  # rows that take the memory of an entry without rows
SECONDS = 30.0
# Labelled posts of an hour that are looked up, 1 to 2 ms: of more a page finds enough in a short scan, unless a text
# must be there as well.
FEW, FEW_WITH_TEXT = 50, 10_000
MOST_NAMES = 50  # of one filter

_SUMMARY = """
    SELECT epoch_us(date_trunc('hour', seen)) AS hour, name, coalesce(model, '') AS model, GROUPING(name) AS whole,
        count(DISTINCT hash(seen, did, rkey)), count(*), epoch_us(min(labelled_at)), epoch_us(max(labelled_at)),
        min(score), max(score), count(*) - count(score)
    FROM lake_rows($files) WHERE name IS NOT NULL
    GROUP BY GROUPING SETS ((hour, name, coalesce(model, '')), (hour))
"""

HOUR_US = 3_600_000_000
Times = NDArray[np.int64]
RowNumbers = NDArray[np.uint32]
Paths = tuple[str, ...]  # of all label files of one hour, sorted
ReadRows = Callable[[str, Sequence[str], Mapping[str, Any], float], list[tuple[Any, ...]]]  # Scanner.rows_of


class Said(NamedTuple):
    """Of the labels with one name and model, older ones too: how many posts have them, how many there are, the first
    and last labelled_at, the least and greatest score, and how many have none."""

    posts: int
    labels: int
    first_us: int | None
    last_us: int | None
    least: float | None
    most: float | None
    without_score: int


class HourLabels(NamedTuple):
    """`posts`: how many have a label. `said`: by name and model."""

    posts: int
    said: dict[tuple[str, str], Said]


NOTHING = HourLabels(0, {})


class LabelSummaries:
    """Of one lake. Any number of threads may use it. Raises as Scanner does, and Superseded."""

    def __init__(self, read: ReadRows) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._known: OrderedDict[Paths, HourLabels] = OrderedDict()

    def of(self, paths: Paths, newest: bool = True) -> HourLabels:
        """Of the hour with these files. `newest`: the hours before it will be asked for next, else those after it."""
        if not paths:
            return NOTHING
        return self._known.get(paths) or self.of_all(with_hours_near(paths, newest, AT_ONCE))[paths]

    def of_all(self, hours: Sequence[Paths]) -> dict[Paths, HourLabels]:
        found = {hour: known for hour in hours if (known := self._known.get(hour)) is not None}
        left = [hour for hour in hours if hour not in found]
        for start in range(0, len(left), AT_ONCE):
            found |= self._load(left[start : start + AT_ONCE])
        return found

    def _load(self, hours: Sequence[Paths]) -> dict[Paths, HourLabels]:
        paths = [path for hour in hours for path in hour]
        with superseded_if_replaced(paths):
            rows = self._read(_SUMMARY, paths, {}, SECONDS)
        loaded = {microseconds(layout.hour_of_path(hour[0])): HourLabels(0, {}) for hour in hours}
        for us, name, model, of_all, *said in rows:
            if of_all:
                loaded[us] = HourLabels(said[0], loaded[us].said)
            else:
                loaded[us].said[name, model] = Said(*said)
        found = dict(zip(hours, loaded.values(), strict=True))
        self._keep(found)
        return found

    def _keep(self, loaded: Mapping[Paths, HourLabels]) -> None:
        with self._lock:
            self._known |= loaded
            while len(self._known) > KEPT:
                self._known.popitem(last=False)


def with_hours_near(paths: Paths, newest: bool, count: int) -> list[Paths]:
    """These files of one hour, which may have been replaced since they were listed, and the files of others near it."""
    own = layout.hour_of_path(paths[0])
    hours = listing.label_hours_near(own, newest, count)
    return [paths, *(hour for hour in hours if layout.hour_of_path(hour[0]) != own)]


class LabelledRows:
    """The rows that labels picked for the latest searches, as the files never change: to find them takes most of the
    time of a page whose labels are rare. Of one lake. Any number of threads may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: OrderedDict[Hashable, RowNumbers] = OrderedDict()
        self._kept = 0

    def get(self, key: Hashable) -> RowNumbers | None:
        with self._lock:
            if key in self._rows:
                self._rows.move_to_end(key)
            return self._rows.get(key)

    def put(self, key: Hashable, rows: RowNumbers) -> None:
        with self._lock:
            self._kept += len(rows) + ENTRY - self._size(self._rows.get(key))
            self._rows[key] = rows
            while self._kept > KEPT_ROWS:
                self._kept -= self._size(self._rows.popitem(last=False)[1])

    def _size(self, rows: RowNumbers | None) -> int:
        return 0 if rows is None else len(rows) + ENTRY


class ReadFiles(Protocol):
    """What reads files: a Scanner."""

    label_summaries: LabelSummaries
    labelled_rows: LabelledRows

    def table_of(self, sql: str, paths: Sequence[str], values: Mapping[str, Any], seconds: float) -> Any: ...

    def times_of(self, path: str) -> Times: ...


class LabelPruner:
    """For one search. Methods raise as Scanner does, and Superseded."""

    def __init__(self, search: Search, files: ReadFiles) -> None:
        self._search, self._files = search, files
        self._wanted = cache(lambda values: [parse_wanted(value) for value in values])
        demanded = conjunction_of(search.query, "label").nodes
        filters = [node.values for node in demanded if isinstance(node, Filter)]
        self._demanded = [values for values in filters if len(values) <= MOST_NAMES]
        self._times: dict[Paths, Times] = {}
        self._rows: dict[str, RowNumbers | None] = {}
        self._ahead = 1  # hours of the next query
        self._few = FEW_WITH_TEXT if terms(search.query) else FEW
        self._many = False  # an hour had more

    @property
    def demands(self) -> bool:
        """Whether rows() may pick some."""
        return bool(self._demanded) and not self._many

    def exclude(self, file: ScanFile) -> bool:
        """Whether none of its posts can have the labels that the search demands."""
        if not self._search.reads_labels:
            return False
        return not may_match(self._search.query, "label", lambda values: self._may_have_one(file, values))

    def rows(self, file: ScanFile) -> RowNumbers | None:
        """Numbers of the rows of a file that may have the labels that the search demands, and of some that don't,
        ascending. None: they are not few."""
        if file.path not in self._rows:
            self._rows[file.path] = self._find(file) if self.demands else None
        return self._rows[file.path]

    def _find(self, file: ScanFile) -> RowNumbers | None:
        kept, key = self._files.labelled_rows, (file.path, file.labels, *self._demanded, self._search.thresholds)
        rows = kept.get(key)
        if len(self._labelled(file.labels) if rows is None else rows) > self._few:
            self._many = True
            return None
        if rows is None:
            with superseded_if_replaced([file.path]):
                rows = row_reader.among(self._files.times_of(file.path), self._labelled(file.labels)).astype(np.uint32)
            kept.put(key, rows)
        return rows

    def _labelled(self, paths: Paths) -> Times:
        """Times of the posts of an hour that have such labels, or had them."""
        if not paths:
            return np.zeros(0, np.int64)
        if paths not in self._times:
            self._times = self._read(with_hours_near(paths, self._search.newest, self._ahead))
            self._ahead = min(AT_ONCE, self._ahead * 4)
        return self._times[paths]

    def _read(self, hours: Sequence[Paths]) -> dict[Paths, Times]:
        bound, thresholds = Parameters(), self._search.thresholds
        conditions = [says_one(self._wanted(values), thresholds, bound.list) for values in self._demanded]
        of_each = [f"SELECT seen FROM lake_rows($files) WHERE {condition}" for condition in conditions]
        paths = [path for hour in hours for path in hour]
        with superseded_if_replaced(paths):
            sql = f"SELECT DISTINCT epoch_us(seen) AS us FROM ({' INTERSECT '.join(of_each)})"
            times = np.sort(self._files.table_of(sql, paths, bound.values, SECONDS)["us"].to_numpy())
        begins = [microseconds(layout.hour_of_path(hour[0])) for hour in hours]
        edges = [times.searchsorted([begin, begin + HOUR_US]) for begin in begins]
        return {hour: times[low:high] for hour, (low, high) in zip(hours, edges, strict=True)}

    def _may_have_one(self, file: ScanFile, values: tuple[str, ...]) -> bool:
        said = self._files.label_summaries.of(file.labels, self._search.newest).said
        return any(
            (name, model) == (wanted.name, wanted.model or model) and may_pass(one, wanted, self._search.thresholds)
            for wanted in self._wanted(values)
            for (name, model), one in said.items()
        )


def may_pass(said: Said, wanted: Wanted, thresholds: Thresholds) -> bool:
    """By their scores. Pure."""
    if wanted.comparison == "=":
        return True
    if not wanted.comparison and said.without_score:
        return True
    if said.least is None or said.most is None:
        return False
    score = thresholds(wanted.name) if wanted.score is None else wanted.score
    return {
        "": said.most >= score,
        ">=": said.most >= score,
        ">": said.most > score,
        "<": said.least < score,
        "<=": said.least <= score,
    }[wanted.comparison]
