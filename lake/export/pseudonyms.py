"""The rows of an export with pseudonyms: plain values are read, replaced, and only then encoded."""

from collections.abc import Callable, Collection
from typing import Any

from lake.export.columns import CID, LABELS, USERNAME, CellType, ExportColumn
from lake.export.formats import Format, Table
from lake.export.label_cells import LABELLED, add_labels
from lake.export.spec import ExportSpec
from lake.pseudonyms import tables
from lake.pseudonyms.names import Pseudonyms
from lake.pseudonyms.rows import URL
from lake.search.reader import Reader

ENCODING_SECONDS = 60.0  # of a slice in memory, at most 24 MB
_NAMED = (CellType.TEXT, CellType.LIST)  # cells that may name somebody


class PseudonymRows:
    """`encoded`: a slice as ExportRows hands it out, of one with plain cells. `plain`: columns that stay plain text."""

    def __init__(
        self, reader: Reader, spec: ExportSpec, names: Pseudonyms, form: Format, plain: Collection[str] = ()
    ) -> None:
        self._scanner, self._spec, self._names = reader.scanner, spec, names
        kept = [column.name for column in spec.columns if column.sql]
        cells = {name: name if name in plain else _encoded_cell(form, column) for name, column in _made(spec)}
        self._select = ", ".join(f"{cells[name]} AS {name}" for name in kept)
        self._plain = [column.name for column in spec.columns if column.sql and column.kind in _NAMED]

    def encoded(self, table: Table, labels: Callable[[Table], Table]) -> Table:
        """`labels`: as add_labels() takes it."""
        keys = [name for name in table.column_names if name.startswith("_")]
        named = tables.replaced(self._names, table, self._plain)
        sql = f"SELECT {', '.join(filter(None, [self._select, *keys]))} FROM named"
        return self._completed(self._scanner.of_table(sql, ENCODING_SECONDS, named=named), labels)

    def _completed(self, table: Any, labels: Callable[[Table], Table]) -> Table:
        """With the columns that SQL can't make."""
        for place, column in enumerate(self._spec.columns):
            if column.name == USERNAME:
                table = tables.with_accounts(self._names, table, place, USERNAME, "_did")
            elif column.name == LABELS:
                table = tables.replaced(self._names, add_labels(table, place, LABELLED, labels), [LABELS])
            elif column.name == CID and not column.sql:
                table = tables.with_nothing(table, place, CID)
        return table


def _made(spec: ExportSpec) -> list[tuple[str, ExportColumn]]:
    """The columns that SQL makes, by name."""
    return [(column.name, column) for column in spec.columns if column.sql]


def cells(spec: ExportSpec, form: Format, plain: Collection[str] = ()) -> dict[str, str]:
    """SQL of the columns that SQL makes, by name. `plain`: columns that are to come as plain text."""
    if spec.pseudonyms is not None:
        return {name: plain_cell(form, column) for name, column in _made(spec)}
    return {name: column.sql if name in plain else form.sql(column) for name, column in _made(spec)}


def plain_cell(form: Format, column: ExportColumn) -> str:
    """SQL of a cell before its names are replaced. A link to a post is made of the post's URI."""
    if column.name == URL:
        return "concat('at://', did, '/app.bsky.feed.post/', rkey)"
    return column.sql if column.kind in _NAMED else form.sql(column)


def _encoded_cell(form: Format, column: ExportColumn) -> str:
    return form.sql(column._replace(sql=column.name)) if column.kind in _NAMED else column.name
