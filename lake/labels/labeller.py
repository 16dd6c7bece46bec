"""Labels posts with a Python function: those that lack its label, newest first, in batches of one commit each."""

import importlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pyarrow as pa
import structlog

from lake.catalog.read_guard import superseded_if_replaced
from lake.errors import LakeError
from lake.labels.writer import INPUT, LabelWriter
from lake.query.spec import Search, SortKey
from lake.scan import hit
from lake.scan.index_pruning import IndexPruner, export_cost
from lake.scan.paged_scan import PagedScan, Slice
from lake.scan.scan_range import ScanRange
from lake.scan.scanner import Scanner
from lake.scan.search_sql import SearchSql
from lake.scan.tombstone_cache import TombstoneCache
from lake.scan.visibility import visible_sql

log = structlog.get_logger("labels")

BATCH = 10_000  # posts
GIVEN = ("uri", "did", "text", "langs", "alt", "created")  # columns of what the function takes
_OF_POST = ("seen", "did", "rkey", "rev", "created_at")  # of INPUT
_KEY = [f"_{name}" for name in SortKey._fields]

Label = Callable[[pa.Table], Any]
Said = tuple[str, float | None, str | None]  # name, score, value


class WrongFunction(LakeError):
    """The function can't be used, or what it returned is no labels."""


@dataclass(frozen=True)
class Labelling:
    """What is done. `name`: empty, when the function names its labels; then a post is done if it has any label of this
    model and version."""

    function: Label
    name: str
    model: str
    version: str


class Progress(NamedTuple):
    """`position`: how far it came; `posts`, `labels`: how many so far."""

    position: int
    posts: int
    labels: int


def load(path: str) -> Label:
    """The function of package.module:function. Raises WrongFunction."""
    module, _, name = path.partition(":")
    try:
        function: Label = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise WrongFunction(
            f"{path} can't be used ({error}): give package.module:function, of this environment."
        ) from error
    if not callable(function):
        raise WrongFunction(f"{path} is no function.")
    return function


class Labeller:
    """`lock`: held around each commit. Raises LakeError."""

    def __init__(
        self,
        scanner: Scanner,
        tombstones: TombstoneCache,
        search: Search,
        labelling: Labelling,
        lock: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._scanner, self._tombstones, self._labelling, self._lock = scanner, tombstones, labelling, lock
        self._search = replace(search, labelled=True)
        self._compiled = SearchSql(self._search)

    def run(self, limit: int | None) -> Iterator[Progress]:
        """After each batch. `limit`: the most posts."""
        posts = labels = 0
        scan = PagedScan(
            self._read, self._search, BATCH, lambda: self._search.timeout, None,
            IndexPruner(self._scanner, self._search, export_cost),
        )  # fmt: skip
        scan.size = BATCH if limit is None else min(BATCH, limit)
        for table, *_ in scan:
            if table.num_rows:
                posts += table.num_rows
                labels += self._label(table)
            yield Progress(scan.resume.position, posts, labels)
            if limit is not None:
                if posts >= limit:
                    return
                scan.size = min(BATCH, limit - posts)

    def _read(self, scan: ScanRange, size: int, seconds: float) -> Slice[pa.Table]:
        """Posts without the label."""
        self._tombstones.refresh()
        visible = visible_sql(self._search, self._scanner)
        key = [f"{sql} AS _{name}" for name, sql in hit.key_sql(self._search).items()]
        columns = ["seen", "did", "rkey", "rev", "created_at", "text", "langs", "alt", *key]
        statement = self._compiled.select(", ".join(columns), scan, visible.without).where(visible.sql, visible.values)
        statement = statement.where(*_lacks(self._labelling))
        statement = statement._replace(sql=f"{statement.sql} {self._compiled.order_by} LIMIT {size:d}")
        with superseded_if_replaced(visible.paths):
            table = self._scanner.table(statement, scan, seconds)
        if table.num_rows < size:
            return Slice(table, table.num_rows, None)
        return Slice(table, size, SortKey(*table.slice(size - 1).select(_KEY).to_pylist()[0].values()))

    def _label(self, posts: pa.Table) -> int:
        """Commits the labels of these posts; how many."""
        started = time.monotonic()
        rows, said = self._said(posts)
        if not rows:
            return 0
        of_posts = posts.select(_OF_POST).take(pa.array(rows))
        own = {
            "name": pa.array([name for name, _, _ in said], pa.string()),
            "score": pa.array([score for _, score, _ in said], pa.float64()),
            "value": pa.array([value for _, _, value in said], pa.string()),
            "model": pa.array([self._labelling.model or None] * len(said), pa.string()),
            "version": pa.array([self._labelling.version or None] * len(said), pa.string()),
            "labelled_at": pa.array([datetime.now(UTC).replace(tzinfo=None)] * len(said), pa.timestamp("us")),
        }
        columns = {name: of_posts[name] for name in _OF_POST} | own
        with self._lock():
            writer = LabelWriter(self._scanner.root)
            writer.prepare()
            writer.write(pa.table({name: columns[name] for name in INPUT}))
        seconds = round(time.monotonic() - started, 2)
        log.info("posts labelled", posts=posts.num_rows, labels=len(rows), seconds=seconds)
        return len(rows)

    def _said(self, posts: pa.Table) -> tuple[list[int], list[Said]]:
        """Of each label the number of its post, and what it says."""
        try:
            answers = self._labelling.function(given(posts))
            answers = answers.to_pylist() if hasattr(answers, "to_pylist") else list(answers)
        except LakeError:
            raise
        except Exception as error:
            log.exception("the function failed")
            raise WrongFunction(
                f"The function failed, and none of {posts.num_rows:,} posts was labelled: {type(error).__name__}: "
                f"{error}. The log has where."
            ) from error
        if len(answers) != posts.num_rows:
            raise WrongFunction(
                f"The function gave {len(answers):,} answers for {posts.num_rows:,} posts: give one each."
            )
        both = [(row, label) for row, answer in enumerate(answers) for label in labels_of(answer, self._labelling.name)]
        return [row for row, _ in both], [label for _, label in both]


def given(posts: pa.Table) -> pa.Table:
    """What the function takes: the columns GIVEN."""
    uris = [
        f"at://{did}/app.bsky.feed.post/{rkey}"
        for did, rkey in zip(posts["did"].to_pylist(), posts["rkey"].to_pylist(), strict=True)
    ]
    columns = {"uri": pa.array(uris, pa.string()), "created": posts["created_at"]}
    return pa.table({name: columns[name] if name in columns else posts[name] for name in GIVEN})


def labels_of(answer: Any, name: str) -> list[Said]:
    """Of one post. `name`: of a label that the answer does not name. Raises WrongFunction."""
    if answer is None:
        return []
    if isinstance(answer, Mapping):
        return [label for own, one in answer.items() for label in labels_of(one, str(own))]
    if not name:
        raise WrongFunction("The function does not name its labels: give --name.")
    if isinstance(answer, str):
        return [(name, None, answer)]
    try:
        score = float(answer)
    except (TypeError, ValueError):
        score = -1.0
    if not 0 <= score <= 1:
        raise WrongFunction(
            f"The function gave {str(answer)[:60]!r} for a post: a score is from 0 to 1, a value is text."
        )
    return [(name, score, None)]


def _lacks(labelling: Labelling) -> tuple[str, dict[str, Any]]:
    """A condition: the row has no such label."""
    name = "AND label.name = $label_name" if labelling.name else ""
    condition = f"""NOT EXISTS (SELECT 1 FROM post_label AS label WHERE label.seen = row.seen AND label.did = row.did
        AND label.rkey = row.rkey AND label.rev = row.rev AND coalesce(label.model, '') = $label_model
        AND coalesce(label.version, '') = $label_version {name})"""  # noqa: S608 - our own names
    values = {"label_model": labelling.model, "label_version": labelling.version}
    return condition, values | ({"label_name": labelling.name} if labelling.name else {})
