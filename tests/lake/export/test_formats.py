"""What comes out of a file is what went in, whoever reads it."""

import csv
import io
import json
from datetime import UTC, datetime

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.export.columns import CellType, ExportColumn
from lake.export.formats import CHUNK_BYTES, chunks, new_format
from lake.schema import DATASETS
from lake.storage.duckdb_engine import Engine

COLUMNS = [
    ExportColumn("id", CellType.TEXT, "", "id"),
    ExportColumn("username", CellType.TEXT, "", ""),
    ExportColumn("timestamp", CellType.TIME, "", "time"),
    ExportColumn("text", CellType.TEXT, "", "text"),
    ExportColumn("links", CellType.LIST, "", "links"),
    ExportColumn("active", CellType.BOOLEAN, "", "active"),
]
NASTY = st.text(st.characters(exclude_categories=["Cs"])) | st.text("\r\n\t\",;' \0\\u0000\ufeff\u2028\x85é湖🏔=+-@[]")
MOMENTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(lambda time: time.replace(tzinfo=UTC))  # noqa: DTZ001
HANDLES = st.sampled_from([None, "alice.example", "a-b.c.example"])
ROWS = st.lists(
    st.tuples(
        NASTY,
        HANDLES,
        st.none() | MOMENTS,
        st.none() | NASTY,
        st.none() | st.lists(NASTY, max_size=3),
        st.none() | st.booleans(),
    ),
    max_size=6,
)
LAKE = pa.schema(
    [
        ("id", pa.string()),
        ("username", pa.string()),
        ("time", pa.timestamp("us", tz="UTC")),
        ("text", pa.string()),
        ("links", pa.list_(pa.string())),
        ("active", pa.bool_()),
    ]
)
engine = Engine("200MB", 1)


def file(name, rows, **options):
    """The bytes of a file with these rows, and the form, as an export makes it."""
    made = new_format(name, COLUMNS, **options)
    lake = pa.table(
        [pa.array(column, kind.type) for column, kind in zip(zip(*rows, strict=True), LAKE, strict=True)]
        if rows
        else [pa.array([], kind.type) for kind in LAKE],
        schema=LAKE,
    )
    engine.run("CREATE OR REPLACE TABLE lake AS FROM rows", rows=lake)
    sql = ", ".join(f"{made.sql(column)} AS {column.name}" for column in COLUMNS if column.sql)
    table = engine.table(f"SELECT {sql} FROM lake", {}).add_column(1, "username", lake["username"])
    return made.begin() + (made.rows(table) if rows else b"") + made.end(), made


def iso(time):
    return None if time is None else time.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def plain(text):
    return text.replace("\0", "\ufffd")


def expected(rows):
    """Cells of a CSV file: None is one with nothing in it, not even quotes."""
    for id_, username, time, text, links, active in rows:
        cells = plain(id_), username, iso(time), text if text is None else plain(text)
        yield *cells, [plain(link) for link in links or []], None if active is None else str(active).lower()


def strict(body):
    """RFC 4180 letter by letter, as R's readr has it: quoted cells may hold anything, in others there is no quote."""
    text, rows, row, at = body.decode("utf-8"), [], [], 0
    while at < len(text):
        if text[at] == '"':
            cell, at = "", at + 1
            while True:
                end = text.index('"', at)
                cell, at = cell + text[at:end], end + 1
                if text[at : at + 1] != '"':
                    break
                cell, at = cell + '"', at + 1
        else:
            end = min(place for sign in (",", "\r\n") if (place := text.find(sign, at)) >= 0)
            cell, at = text[at:end] or None, end
            assert cell is None or not set(cell) & set('"\r\n'), cell
        row.append(cell)
        if text[at] == ",":
            at += 1
            continue
        assert text[at : at + 2] == "\r\n", text[at:]
        rows.append(row)
        row, at = [], at + 2
    return rows


def parsed(rows):
    return [(*row[:4], json.loads(row[4]), row[5]) for row in rows]


@given(ROWS)
def test_csv_comes_back_undamaged_by_the_rules(rows):
    body, made = file("csv", rows)
    header, *found = strict(body)
    assert header == [column.name for column in COLUMNS]
    assert parsed(found) == list(expected(rows))
    assert made.nuls == sum(
        text.count("\0") for id_, _, _, text, links, _ in rows for text in (id_, text or "", *(links or []))
    )


@given(ROWS)
def test_csv_comes_back_undamaged_from_python_and_pandas(rows):
    body, _ = file("csv", rows)
    said = [tuple("" if cell is None else cell for cell in row) for row in expected(rows)]
    python = csv.reader(io.StringIO(body.decode(), newline=""), strict=True)
    assert parsed(list(python)[1:]) == said
    frame = pd.read_csv(io.BytesIO(body), dtype=str, keep_default_na=False)
    assert parsed(frame.itertuples(index=False, name=None)) == said


@given(ROWS)
def test_no_cell_is_a_formula_in_a_spreadsheet(rows):
    body, _ = file("csv", rows, excel=True)
    assert body.startswith("\ufeffid,".encode())
    _, *found = strict(body[3:])
    for row, said in zip(parsed(found), expected(rows), strict=True):
        for cell, whole in zip(row, said, strict=True):
            if not isinstance(whole, str):
                assert cell == whole
            elif whole[:1] and whole[0] in "=+-@\t\r":
                assert cell == "'" + whole
            else:
                assert cell == whole


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_each_beginning_of_a_formula_is_guarded(text):
    (row,) = strict(file("csv", [("id", None, None, text, None, None)], excel=True)[0][3:])[1:]
    assert row[3] == f"'{text}"


def test_csv_is_as_rfc_4180_says():
    rows = [('a "b", c', "alice.example", datetime(2026, 7, 1, tzinfo=UTC), "", ["x"], True), ("i", *(None,) * 5)]
    assert file("csv", rows)[0] == (
        b"id,username,timestamp,text,links,active\r\n"
        b'"a ""b"", c","alice.example","2026-07-01T00:00:00.000000Z","","[""x""]",true\r\n'
        b'"i",,,,"[]",\r\n'
    )


@given(ROWS)
def test_ndjson_comes_back_whole(rows):
    body, _ = file("ndjson", rows)
    found = [json.loads(line) for line in body.decode().split("\n")[:-1]]
    names = [column.name for column in COLUMNS]
    said = [(i, u, iso(t), text, links or [], active) for i, u, t, text, links, active in rows]
    assert [tuple(row.values()) for row in found] == said
    assert all(list(row) == names for row in found)


@given(ROWS)
def test_parquet_comes_back_whole_with_its_types(rows):
    body, _ = file("parquet", rows, about={"query": "lake"})
    read = pq.ParquetFile(io.BytesIO(body))
    table = read.read()
    assert table.schema.types == [
        pa.string(),
        pa.string(),
        pa.timestamp("us", tz="UTC"),
        pa.string(),
        pa.list_(pa.string()),
        pa.bool_(),
    ]
    assert table.schema.metadata[b"query"] == b"lake"
    times = table["timestamp"].cast(pa.int64()).to_pylist()
    others = table.drop_columns(["timestamp"]).to_pylist()
    assert [tuple(row.values()) for row in others] == [(i, u, text, links or [], a) for i, u, _, text, links, a in rows]
    assert times == pa.array([row[2] for row in rows], pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_pylist()


@pytest.mark.parametrize("name", ["csv", "ndjson", "parquet"])
def test_a_file_without_rows_is_a_file(name):
    body, _ = file(name, [])
    if name == "parquet":
        assert pq.read_table(io.BytesIO(body)).num_rows == 0
    else:
        assert body == {"csv": b"id,username,timestamp,text,links,active\r\n", "ndjson": b""}[name]


@given(st.binary(max_size=5), st.integers(0, 3))
def test_pieces_are_the_whole(rest, whole):
    body = b"x" * CHUNK_BYTES * whole + rest
    found = list(chunks(body))
    assert b"".join(found) == body
    assert all(0 < len(piece) <= CHUNK_BYTES for piece in found)


def test_every_column_of_every_dataset_has_its_meaning():
    from lake.export.columns import column_names, export_columns

    for dataset in DATASETS:
        found = export_columns(dataset, column_names(dataset), "[]::VARCHAR[]")
        assert [column.name for column in found] == column_names(dataset)
        assert all(column.meaning for column in found)
