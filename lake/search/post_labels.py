"""The labels of some posts: of each name and model the latest."""

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from lake.catalog import listing
from lake.catalog.read_guard import retry_superseded, superseded_if_replaced
from lake.labelfilter.label_sql import KEY, LATER
from lake.scan.hit import Hit
from lake.scan.scanner import Scanner
from lake.storage import layout
from process.instants import iso_us

T = TypeVar("T")
NO_LABELS_OF_A_POST = """[]::STRUCT(name VARCHAR, score DOUBLE, value VARCHAR, model VARCHAR, version VARCHAR,
    labelled_at TIMESTAMP)[]"""
Key = tuple[str, str, str]  # did, rkey, rev of a post

# Of the relation `asked` with n, seen, did, rkey and rev of posts: n and the labels that each has, as structs.
_LATEST = f"""
    SELECT n, list({{name: name, score: score, value: value, model: model, version: version, labelled_at: labelled_at}}
        ORDER BY name, model, version) AS labels
    FROM (FROM lake_rows($files) AS label SEMI JOIN asked USING (seen, did, rkey, rev)
        WHERE name IS NOT NULL AND learned <= make_timestamp($until)
            AND seen >= make_timestamp($low) AND seen <= make_timestamp($high)
        QUALIFY row_number() OVER (PARTITION BY {KEY} ORDER BY {LATER} DESC) = 1)
    JOIN asked USING (seen, did, rkey, rev)
    GROUP BY n
"""
_OF_LISTS = f"""
    WITH asked AS (SELECT unnest($n) AS n, make_timestamp(unnest($seen)) AS seen, unnest($dids) AS did,
        unnest($rkeys) AS rkey, unnest($revs) AS rev)
    SELECT n, label.name, label.score, label.value, label.model, label.version, epoch_us(label.labelled_at)
    FROM (SELECT n, unnest(labels) AS label FROM ({_LATEST})) ORDER BY ALL
"""


def labels_of(scanner: Scanner, hits: Sequence[Hit], until_us: int, seconds: float) -> dict[Key, list[dict[str, Any]]]:
    """As JSON, by post; of those that have some. Labels that came after `until_us` do not exist. Raises as Scanner
    does, and Superseded."""
    asked: dict[str, list[Any]] = {
        "n": list(range(len(hits))),
        "seen": [hit.seen_us for hit in hits],
        "dids": [hit.did for hit in hits],
        "rkeys": [hit.key.rkey for hit in hits],
        "revs": [hit.rev for hit in hits],
    }
    until = {"until": until_us}
    deadline = time.monotonic() + seconds

    def read(paths: Sequence[str], values: dict[str, Any]) -> list[tuple[Any, ...]]:
        return scanner.rows_of(_OF_LISTS, paths, asked | values | until, deadline - time.monotonic())

    found: dict[Key, list[dict[str, Any]]] = {}
    for n, name, score, value, model, version, us in of_files(asked["seen"], read) or ():
        label = {"name": name, "score": score, "value": value, "model": model, "version": version}
        found.setdefault(post_key(hits[n]), []).append(label | {"labelled_at": None if us is None else iso_us(us)})
    return found


def post_key(hit: Hit) -> Key:
    return hit.did, hit.key.rkey, hit.rev


def of_files(seen_us: Sequence[int], read: Callable[[Sequence[str], dict[str, Any]], T]) -> T | None:
    """What `read` makes of the label files of the hours with these times; None where there are none."""

    def work() -> T | None:
        hours = {layout.hour_of(us) for us in seen_us}
        files = listing.label_files(min(hours), max(hours)) if hours else {}
        if not (paths := [path for hour, paths in files.items() if hour in hours for path in paths]):
            return None
        with superseded_if_replaced(paths):
            return read(paths, {"low": min(seen_us), "high": max(seen_us)})

    return retry_superseded(work)


def label_column(scanner: Scanner, rows: Any, sql: str, until_us: int, seconds: float) -> Any:
    """Of an Arrow table with seen, did, rkey and rev of posts: an Arrow table of one column, `labels`, in its order.
    `sql`: over the list `labels`, which has no structs where a post has no label."""
    wanted = f"""WITH asked AS (SELECT row_number() OVER () AS n, * FROM given)
        SELECT {sql} AS labels FROM (SELECT n, coalesce(labels, []) AS labels
            FROM asked LEFT JOIN ({_LATEST}) AS found USING (n)) ORDER BY n"""
    none = f"SELECT {sql} AS labels FROM (SELECT {NO_LABELS_OF_A_POST} AS labels FROM given)"

    def read(paths: Sequence[str], values: dict[str, Any]) -> Any:
        return scanner.table_of(wanted, paths, values | {"until": until_us}, seconds, given=rows)

    found = of_files(rows["seen_us"].to_pylist(), read)
    return scanner.table_of(none, (), {}, seconds, given=rows) if found is None else found
