"""A search as SQL, compiled once and run over one scan range after the other. Values never enter its text. Pure."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, Self

from lake.labelfilter.label_sql import LABELS, NO_LABELS
from lake.query.spec import ResumePoint, Search
from lake.query.sql import compile_query
from lake.scan.scan_range import ScanRange

_ALWAYS = {"seen", "did", "rkey", "rev", "created_at", "state", "state_seen"}
HIDDEN_STATES_SHOWN = "(state IS DISTINCT FROM 'deleted' OR cid IS NOT NULL)"  # what was purged has nothing to show


class Statement(NamedTuple):
    """SQL and the values of its parameters. It selects from `row`, the rows of one scan range. `labels`: paths of the
    files that it reads as $label_files."""

    sql: str
    values: dict[str, Any]
    labels: tuple[str, ...] = ()

    def where(self, condition: str, values: Mapping[str, Any]) -> Self:
        """The same with a further condition."""
        return self._replace(sql=f"{self.sql} AND {condition}", values=self.values | dict(values))

    def inside(self, template: str, values: Mapping[str, Any] | None = None) -> Self:
        """The template with this statement in place of {sql}."""
        return self._replace(sql=template.format(sql=self.sql), values=self.values | dict(values or {}))


class SearchSql:
    """`order_by`: the total order of the hits."""

    def __init__(self, search: Search) -> None:
        self.search = search
        query = compile_query(search.query, search.of, search.time, search.thresholds)
        shown = "" if search.hide else f" AND {HIDDEN_STATES_SHOWN}"
        self._where = f"{query.sql}{shown} AND seen <= make_timestamp($until)"
        self._values = query.values | {"until": search.snapshot_us}
        way = "DESC" if search.newest else "ASC"
        order = (search.time, *search.of.order.values())
        self.order_by = "ORDER BY " + ", ".join(f"{column} {way}" for column in order)

    def select(self, columns: str, scan: ScanRange, without: str = "") -> Statement:
        """SELECT of the candidates in this range: all rows that match, hidden ones too. `without`: an ANTI JOIN of
        `row`."""
        time, search = self.search.time, self.search
        first, last = (scan.low, scan.high.position) if search.newest else (-scan.high.position, -scan.low)
        late = " AND (learned IS NULL OR learned <= make_timestamp($until))" if scan.late else ""
        rows = f"""FROM {_relation(scan)} AS row WHERE {self._where}{late}
            AND {time} >= make_timestamp($first) AND {time} <= make_timestamp($last)"""
        if (needed := _needed(columns, search)) != "*" or without:
            # DuckDB joins the conditions that come later with all columns of all rows, unless few are named before.
            rows = f"FROM (SELECT {needed} {rows}) AS row {without} WHERE true"
        statement = Statement(
            f"{self._labels(scan)}SELECT {columns} {rows}",
            self._values | {"first": first, "last": last},
            scan.labels if search.reads_labels else (),
        )
        return self._after(statement, scan.high)

    def matched(self, columns: str) -> Statement:
        """SELECT of rows that are known to match: of `picked`, without a condition."""
        return Statement(f"SELECT {columns} FROM picked AS row", {})

    def _labels(self, scan: ScanRange) -> str:
        """The relation of label rows, where the search needs it."""
        if not self.search.reads_labels:
            return ""
        if not scan.labels:
            return f"WITH {LABELS} AS ({NO_LABELS}) "
        near = "AND seen >= make_timestamp($first) AND seen <= make_timestamp($last)"
        return f"""WITH {LABELS} AS NOT MATERIALIZED (FROM lake_rows($label_files)
            WHERE name IS NOT NULL AND learned <= make_timestamp($until)
            {near if self.search.clock == "seen" else ""}) """

    def _after(self, statement: Statement, start: ResumePoint) -> Statement:
        if start.after is None:
            return statement
        sign = "<" if self.search.newest else ">"
        order, after = self.search.of.order, start.after._asdict()
        return statement.where(
            f"(epoch_us({self.search.time}) <> $edge"
            f" OR ({', '.join(order.values())}) {sign} ({', '.join(f'${name}' for name in order)}))",
            {"edge": start.after.us, **{name: after[name] for name in order}},
        )


def _needed(columns: str, search: Search) -> str:
    """What this SELECT list, the order and conditions on what shows name."""
    if columns in ("*", "n"):  # n: the number of a picked row, beside its columns
        return "*"
    words = set(re.findall(r"\w+", f"{columns} {' '.join(search.of.order.values())}")) | _ALWAYS
    return ", ".join(name for name in search.of.names if name in words)


def _relation(scan: ScanRange) -> str:
    """Whole files, and the rows that an index picked of others."""
    read = "full_lake_rows($files)" if scan.late else "lake_rows($files)"
    if scan.whole.files and scan.picked.files:
        return f"(FROM {read} UNION ALL BY NAME FROM picked)"
    return read if scan.whole.files else "picked"
