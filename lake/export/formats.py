"""The forms of an export: rows as Arrow tables in, bytes of one file out.

DuckDB writes values, such as times and JSON, while it reads them; Arrow puts them together, some ten times faster than
Python could.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq

from lake.export.columns import CID, USERNAME, CellType, ExportColumn

Table = pa.Table  # for those who only pass it on
CHUNK_BYTES = 1 << 20  # handed out at once
_NUL, _INSTEAD = b"\0", "\ufffd".encode()
_NUL_IN_JSON = r"\u0000"
_FORMULA = "^[=+\\-@\t\r]"  # what a spreadsheet runs, or looks beyond for what it runs
_LARGE = pa.large_string()  # a string array holds 2 GiB at most
_ARROW = {
    CellType.TEXT: pa.string(),
    CellType.LIST: pa.list_(pa.string()),
    CellType.TIME: pa.timestamp("us", tz="UTC"),
    CellType.BOOLEAN: pa.bool_(),
}


class Format(Protocol):
    """One file on its way. `nuls`: how often NUL became U+FFFD until now."""

    suffix: str
    media_type: str
    nuls: int

    def sql(self, column: ExportColumn) -> str:
        """What `rows` takes of this column, which is not one that is added later."""

    def begin(self) -> bytes:
        """Before the first row."""

    def rows(self, table: pa.Table) -> bytes:
        """Of a table that has the columns in order, those that were added later as plain text."""

    def end(self) -> bytes:
        """After the last row."""


class Csv:
    """RFC 4180 in UTF-8: CRLF, texts in quotes, quotes doubled; nothing at all for null; lists as JSON arrays. NUL,
    which hardly any reader takes, becomes U+FFFD. `excel`: with a byte order mark; a cell that a spreadsheet would take
    for a formula gets a leading '."""

    suffix = "csv"
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
        """The JSON array without NUL in its strings."""
        found = json.loads(array)
        self.nuls += sum(text.count("\0") for text in found)
        return json.dumps([text.replace("\0", "\ufffd") for text in found], ensure_ascii=False, separators=(",", ":"))


class Ndjson:
    """One JSON object a line, as in `results`."""

    suffix = "ndjson"
    media_type = "application/x-ndjson"

    def __init__(self, columns: Sequence[ExportColumn]) -> None:
        self._columns = columns
        self.nuls = 0

    def sql(self, column: ExportColumn) -> str:
        return (
            _json_list(column)
            if column.kind is CellType.LIST
            else f"coalesce(to_json({_iso(column)})::VARCHAR, 'null')"
        )

    def begin(self) -> bytes:
        return b""

    def rows(self, table: pa.Table) -> bytes:
        parts = []
        for number, column in enumerate(self._columns):
            values = table[column.name]
            parts += [
                f'{"," if number else "{"}"{column.name}":',
                values if column.sql else _quoted(values),
            ]
        large = [
            pa.scalar(part, _LARGE) if isinstance(part, str) else part.cast(_LARGE) for part in [*parts, "}\n", ""]
        ]
        return b"".join(_content(chunk) for chunk in pc.binary_join_element_wise(*large).chunks)

    def end(self) -> bytes:
        return b""


class Parquet:
    """zstd; lists and times as such. `about`: what the file's metadata says beside."""

    suffix = "parquet"
    media_type = "application/vnd.apache.parquet"

    def __init__(self, columns: Sequence[ExportColumn], about: Mapping[str, str]) -> None:
        self.nuls = 0
        self._sink = _Sink()
        self._schema = pa.schema([pa.field(column.name, _ARROW[column.kind]) for column in columns], dict(about))
        self._writer = pq.ParquetWriter(
            self._sink, self._schema, compression="zstd", data_page_version="2.0", write_page_index=True
        )

    def sql(self, column: ExportColumn) -> str:
        return f"coalesce({column.sql}, [])" if column.kind is CellType.LIST else column.sql

    def begin(self) -> bytes:
        return self._sink.take()

    def rows(self, table: pa.Table) -> bytes:
        self._writer.write_table(table.select(self._schema.names).cast(self._schema))
        return self._sink.take()

    def end(self) -> bytes:
        self._writer.close()
        return self._sink.take()


MEDIA_TYPES = {kind.suffix: kind.media_type for kind in (Csv, Ndjson, Parquet)}


def new_format(
    name: str, columns: Sequence[ExportColumn], *, excel: bool = False, about: Mapping[str, str] | None = None
) -> Format:
    """A new one, by its suffix. `about`: for what holds metadata."""
    if name == "csv":
        return Csv(columns, excel)
    return Ndjson(columns) if name == "ndjson" else Parquet(columns, about or {})


def chunks(body: bytes) -> Iterator[bytes]:
    """So small that whoever sends them needs no second copy of all, and soon notices that nobody takes them."""
    view = memoryview(body)
    return (bytes(view[start : start + CHUNK_BYTES]) for start in range(0, len(body), CHUNK_BYTES))


def add_usernames(
    table: pa.Table, place: int, dids: str, handles: Callable[[Sequence[str]], Sequence[str | None]]
) -> pa.Table:
    """The table with a column of handles there; `dids` is the column of their DIDs, `handles` takes each once."""
    authors = table[dids].combine_chunks().dictionary_encode()
    known = pa.array(handles(authors.dictionary.to_pylist()), pa.string())
    return table.add_column(place, USERNAME, known.take(authors.indices))


def add_cids(table: pa.Table, place: int, rows: str, filled: Callable[[pa.Table], pa.Table]) -> pa.Table:
    """The table with a column of CIDs there; `rows` is the column of the lake's rows, `filled` gives these all CIDs,
    empty ones to those that have none."""
    found = pa.Table.from_struct_array(table[rows])
    if found[CID].null_count:
        found = filled(found)
    return table.add_column(place, CID, pc.if_else(pc.equal(found[CID], ""), None, found[CID]))


class _Sink:
    """A file for Arrow to write, out of which the bytes are taken as they come."""

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
        """Nothing waits."""

    def take(self) -> bytes:
        taken, self._parts = b"".join(self._parts), []
        return taken


def _iso(column: ExportColumn) -> str:
    return f"strftime({column.sql}, '%Y-%m-%dT%H:%M:%S.%fZ')" if column.kind is CellType.TIME else column.sql


def _json_list(column: ExportColumn) -> str:
    return f"CASE WHEN len({column.sql}) > 0 THEN to_json({column.sql})::VARCHAR ELSE '[]' END"


def _quoted(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """JSON of texts. Handles and CIDs hold nothing that needs an escape, but a CID is what somebody sent."""
    if pc.any(pc.match_substring_regex(values, r'["\\\\\x00-\x1f]')).as_py():
        return pa.chunked_array([[json.dumps(text, ensure_ascii=False) for text in values.to_pylist()]], pa.string())
    return pc.fill_null(pc.binary_join_element_wise('"', values, '"', ""), "null")


def _content(strings: pa.Array) -> memoryview:
    """The bytes of all strings, one after the other."""
    start, end = strings.offset, strings.offset + len(strings)
    offsets = memoryview(strings.buffers()[1]).cast("q")
    return memoryview(strings.buffers()[2])[offsets[start] : offsets[end]] if len(strings) else memoryview(b"")
