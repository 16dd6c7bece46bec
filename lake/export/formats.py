"""The formats of an export: rows as Arrow tables in, bytes of one file out.

DuckDB formats values such as times and JSON while it reads them; Arrow joins them, some ten times faster than Python.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from lake.export import label_cells
from lake.export.columns import CellType, ExportColumn

Table = pa.Table  # for modules that only pass it on
CHUNK_BYTES = 1 << 20  # handed out at once
GROUP_ROWS = 32_768  # of a row group, however large the slices are: the same rows make the same bytes
_NUL, _INSTEAD = b"\0", "\ufffd".encode()
_NUL_IN_JSON = r"\u0000"
_FORMULA = "^[=+\\-@\t\r]"  # begins a formula for a spreadsheet, or is skipped before one
_LARGE = pa.large_string()  # a string array holds 2 GiB at most
_ARROW = {
    CellType.TEXT: pa.string(),
    CellType.LIST: pa.list_(pa.string()),
    CellType.TIME: pa.timestamp("us", tz="UTC"),
    CellType.BOOLEAN: pa.bool_(),
    CellType.NUMBER: pa.float64(),
    CellType.LABELS: label_cells.TYPE,
}


class Format(Protocol):
    """Encodes one file. `nuls`: how often NUL became U+FFFD so far. `labels`: SQL of labels, as `rows` takes them."""

    suffix: str
    media_type: str
    nuls: int
    labels: str

    def sql(self, column: ExportColumn) -> str:
        """Of the column as `rows` takes it; of columns with SQL only."""

    def begin(self) -> bytes:
        """Before the first row."""

    def rows(self, table: pa.Table) -> bytes:
        """`table`: has the columns in order; those without SQL hold plain text, or labels."""

    def end(self) -> bytes:
        """After the last row."""


class Csv:
    """RFC 4180 in UTF-8: CRLF, quoted texts, doubled quotes; null is empty; lists are JSON arrays. NUL, which few
    readers accept, becomes U+FFFD. `excel`: with a byte order mark, and a leading ' in cells that a spreadsheet would
    take for a formula."""

    suffix = "csv"
    labels = label_cells.JSON
    media_type = "text/csv; charset=utf-8"

    def __init__(self, columns: Sequence[ExportColumn], excel: bool = False) -> None:
        self._columns, self._excel = columns, excel
        self.nuls = 0
        self._options = pc_csv.WriteOptions(include_header=False, eol="\r\n", batch_size=8192)

    def sql(self, column: ExportColumn) -> str:
        return _json_list(column) if column.kind is CellType.LIST else _iso(column)

    def begin(self) -> bytes:
        header = ",".join(column.name for column in self._columns) + "\r\n"
        return header.encode("utf-8-sig" if self._excel else "utf-8")

    def rows(self, table: pa.Table) -> bytes:
        cells = [self._cells(column, table[column.name]) for column in self._columns]
        sink = pa.BufferOutputStream()
        pc_csv.write_csv(pa.table(cells, names=[column.name for column in self._columns]), sink, self._options)
        body: bytes = sink.getvalue().to_pybytes()
        if nuls := body.count(_NUL):
            self.nuls += nuls
            body = body.replace(_NUL, _INSTEAD)
        return body

    def end(self) -> bytes:
        return b""

    def _cells(self, column: ExportColumn, values: pa.ChunkedArray) -> pa.ChunkedArray:
        if column.kind is CellType.LIST and pc.any(pc.match_substring(values, _NUL_IN_JSON)).as_py():
            return pa.chunked_array([pa.array(map(self._plain, values.to_pylist()), pa.string())])
        if self._excel and column.kind is CellType.TEXT:
            guarded = pc.binary_join_element_wise(pa.scalar("'"), values, "")
            return pc.if_else(pc.match_substring_regex(values, _FORMULA), guarded, values)
        return values

    def _plain(self, array: str) -> str:
        """The JSON array with NUL replaced in its strings."""
        found = json.loads(array)
        self.nuls += sum(text.count("\0") for text in found)
        return json.dumps([text.replace("\0", "\ufffd") for text in found], ensure_ascii=False, separators=(",", ":"))


class Ndjson:
    """One JSON object a line, as in `results`."""

    suffix = "ndjson"
    labels = label_cells.JSON
    media_type = "application/x-ndjson"

    def __init__(self, columns: Sequence[ExportColumn]) -> None:
        self._columns = columns
        self.nuls = 0

    def sql(self, column: ExportColumn) -> str:
        return _json_list(column) if column.kind is CellType.LIST else _json(column)

    def begin(self) -> bytes:
        return b""

    def rows(self, table: pa.Table) -> bytes:
        parts = []
        for number, column in enumerate(self._columns):
            values, plain = table[column.name], not column.sql and column.kind is not CellType.LABELS
            parts += [f'{"," if number else "{"}"{column.name}":', _quoted(values) if plain else values]
        large = [
            pa.scalar(part, _LARGE) if isinstance(part, str) else part.cast(_LARGE) for part in [*parts, "}\n", ""]
        ]
        return b"".join(_content(chunk) for chunk in pc.binary_join_element_wise(*large).chunks)

    def end(self) -> bytes:
        return b""


class Parquet:
    """zstd; lists and times have their types. `about`: the file's key-value metadata."""

    suffix = "parquet"
    labels = label_cells.STRUCTS
    media_type = "application/vnd.apache.parquet"

    def __init__(self, columns: Sequence[ExportColumn], about: Mapping[str, str]) -> None:
        self.nuls = 0
        self._sink = _Sink()
        self._schema = pa.schema([pa.field(column.name, _ARROW[column.kind]) for column in columns], dict(about))
        self._pending = self._schema.empty_table()
        self._writer = pq.ParquetWriter(
            self._sink, self._schema, compression="zstd", data_page_version="2.0", write_page_index=True
        )

    def sql(self, column: ExportColumn) -> str:
        return f"coalesce({column.sql}, [])" if column.kind is CellType.LIST else column.sql

    def begin(self) -> bytes:
        return self._sink.take()

    def rows(self, table: pa.Table) -> bytes:
        self._pending = pa.concat_tables([self._pending, table.select(self._schema.names).cast(self._schema)])
        while self._pending.num_rows >= GROUP_ROWS:
            self._write(self._pending.slice(0, GROUP_ROWS))
            self._pending = self._pending.slice(GROUP_ROWS)
        return self._sink.take()

    def end(self) -> bytes:
        if self._pending.num_rows:
            self._write(self._pending)
        self._writer.close()
        return self._sink.take()

    def _write(self, group: pa.Table) -> None:
        """Whole columns: their chunks would show in the bytes."""
        self._writer.write_table(group.combine_chunks(), row_group_size=GROUP_ROWS)


MEDIA_TYPES = {kind.suffix: kind.media_type for kind in (Csv, Ndjson, Parquet)}


def new_format(
    name: str, columns: Sequence[ExportColumn], *, excel: bool = False, about: Mapping[str, str] | None = None
) -> Format:
    """By its suffix. `about`: metadata, where the format holds some."""
    if name == "csv":
        return Csv(columns, excel)
    return Ndjson(columns) if name == "ndjson" else Parquet(columns, about or {})


def chunks(body: bytes) -> Iterator[bytes]:
    """Small enough that sending needs no second copy of the body, and that a client that has gone is noticed soon."""
    view = memoryview(body)
    return (bytes(view[start : start + CHUNK_BYTES]) for start in range(0, len(body), CHUNK_BYTES))


class _Sink:
    """A file that Arrow writes and whose bytes are taken as they come."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        self._size += len(data)
        return len(data)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        """Nothing is buffered."""

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken


def _iso(column: ExportColumn) -> str:
    return f"strftime({column.sql}, '%Y-%m-%dT%H:%M:%S.%fZ')" if column.kind is CellType.TIME else column.sql


def _json(column: ExportColumn) -> str:
    return f"coalesce(to_json({_iso(column)})::VARCHAR, 'null')"


def _json_list(column: ExportColumn) -> str:
    return f"CASE WHEN len({column.sql}) > 0 THEN to_json({column.sql})::VARCHAR ELSE '[]' END"


def _quoted(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """JSON of texts. Handles and valid CIDs need no escapes, but a CID is whatever was sent."""
    if pc.any(pc.match_substring_regex(values, r'["\\\\\x00-\x1f]')).as_py():
        return pa.chunked_array([[json.dumps(text, ensure_ascii=False) for text in values.to_pylist()]], pa.string())
    return pc.fill_null(pc.binary_join_element_wise('"', values, '"', ""), "null")


def _content(strings: pa.Array) -> memoryview:
    """The concatenated bytes of all strings."""
    start, end = strings.offset, strings.offset + len(strings)
    offsets = memoryview(strings.buffers()[1]).cast("q")
    return memoryview(strings.buffers()[2])[offsets[start] : offsets[end]] if len(strings) else memoryview(b"")
