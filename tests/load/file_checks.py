"""Whether a file that was downloaded, or a page, is right; as checks.py says it of answers. Pure."""

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence

import pyarrow.parquet as pq

from tests.load.checks import Answer, faults, has_word, missing_keys, order, twice


def csv_rows(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))


def csv_file(body: bytes, columns: Sequence[str], word: str = "") -> str:
    if body[: len(header := ",".join(columns).encode())] != header:
        return f"begins with {body[:60]!r}"
    rows = csv_rows(body)
    return faults(order(rows), twice(row["id"] for row in rows), has_word(rows, word))


def parquet_file(body: bytes) -> str:
    """With the columns id and seen_at."""
    if body[:4] != b"PAR1" or body[-4:] != b"PAR1":
        return "no Parquet file"
    rows = pq.read_table(io.BytesIO(body), columns=["id", "seen_at"]).to_pylist()
    return faults(order(rows), twice(row["id"] for row in rows))


def rows_of(body: bytes) -> int:
    """Of a file, Parquet or CSV."""
    return pq.read_metadata(io.BytesIO(body)).num_rows if body[:4] == b"PAR1" else len(csv_rows(body))


def manifest(told: Answer, body: bytes) -> str:
    """Of a finished export: what it says of the file is so."""
    if missing := missing_keys(told, {"state", "rows", "sha256", "bytes", "coverage", "as_of"}):
        return missing
    rows, digest = rows_of(body), hashlib.sha256(body).hexdigest()
    return faults(
        [f"state {told['state']}"] if told["state"] != "complete" else [],
        [f"{told['rows']} rows, the file has {rows}"] if told["rows"] != rows else [],
        [f"{told['bytes']} bytes, the file has {len(body)}"] if told["bytes"] != len(body) else [],
        ["another sha256"] if told["sha256"] != digest else [],
    )


def html(body: bytes, words: Iterable[str]) -> str:
    text = body.decode(errors="replace")
    return faults(f"no {word!r} on the page" for word in words if word not in text)
