"""From rows of text to labels, and to the reasons why some are none. One SELECT in DuckDB."""

from typing import NamedTuple

import pyarrow as pa

from lake.labels.source import COLUMNS, LINE
from lake.storage.duckdb_engine import Engine

MOST_NAME = 200  # characters of a name, a model or a version
MOST_VALUE = 10_000
AHEAD_US = 86_400_000_000  # a labelled_at further ahead would be the latest label for long
_DID = r"did:[a-z]+:[a-zA-Z0-9._:%-]*[a-zA-Z0-9._-]"  # the patterns of ingest.identifiers, without counts
_RKEY = r"[a-zA-Z0-9._:~-]+"
_URI = rf"at://({_DID})/app\.bsky\.feed\.post/({_RKEY})"
_URL = rf"https://bsky\.app/profile/({_DID})/post/({_RKEY})/?"

# of a line that is JSON but no object, each is null
_FROM_LINE = ", ".join(f"json_extract_string(json, '$.{name}') AS {name}" for name in COLUMNS)
_LINES = f"""(SELECT row, {_FROM_LINE}, json IS NULL AND line <> '' AS no_json, line = '' AS blank
    FROM (SELECT row, line, CASE WHEN json_valid(line) THEN line::JSON END AS json
        FROM (SELECT row, trim(line, chr(9) || chr(10) || chr(13) || ' ') AS line FROM raw)))"""  # noqa: S608 - our own columns

_PARSED = rf"""
    WITH cell AS (
        SELECT row, no_json, blank, trim(uri) AS uri, nullif(trim(label), '') AS name, nullif(trim(score), '') AS score,
            nullif(value, '') AS value, coalesce(nullif(trim(model), ''), nullif($model, '')) AS model,
            coalesce(nullif(trim(version), ''), nullif($version, '')) AS version,
            nullif(trim(labelled_at), '') AS labelled_at
        FROM {{source}} WHERE NOT blank
    ), typed AS (
        SELECT * REPLACE (
                TRY_CAST(score AS DOUBLE) + 0.0 AS score, TRY_CAST(labelled_at AS TIMESTAMPTZ) AS labelled_at),
            score AS score_text, labelled_at AS time_text,
            CASE WHEN starts_with(uri, 'at://') THEN regexp_extract(uri, '^(?:{_URI})$', ['did', 'rkey'])
                ELSE regexp_extract(uri, '^(?:{_URL})$', ['did', 'rkey']) END AS post
        FROM cell
    )
    SELECT row, post.did AS did, post.rkey AS rkey, name, score, value, model, version,
        make_timestamp(epoch_us(labelled_at)) AS labelled_at,
        CASE
        WHEN no_json THEN 'is no JSON'
        WHEN coalesce(uri, '') = '' THEN 'has no uri'
        WHEN coalesce(post.did, '') = '' OR length(post.did) > 2048
            OR length(post.rkey) > 512 OR post.rkey IN ('.', '..')
            THEN 'uri is no post: at://did:.../app.bsky.feed.post/... is one'
        WHEN name IS NULL THEN 'has no label'
        WHEN length(name) > {MOST_NAME} OR length(model) > {MOST_NAME} OR length(version) > {MOST_NAME}
            THEN 'label, model and version have at most {MOST_NAME} characters'
        WHEN length(value) > {MOST_VALUE} THEN 'value has more than {MOST_VALUE} characters'
        WHEN contains(concat(name, value, model, version), chr(65533)) THEN 'is no UTF-8'
        WHEN contains(concat(name, model, version), chr(0)) THEN 'has a NUL'
        WHEN score_text IS NOT NULL AND score IS NULL THEN 'score is no number'
        WHEN isnan(score) OR score < 0 OR score > 1 THEN 'score is not between 0 and 1'
        WHEN time_text IS NOT NULL AND labelled_at IS NULL THEN 'labelled_at is no time: 2026-07-01T12:00:00Z is one'
        WHEN epoch_us(labelled_at) NOT BETWEEN 0 AND $latest THEN 'labelled_at is before 1970, or to come'
        END AS reason
    FROM typed
"""  # noqa: S608 - our own patterns


class Parsed(NamedTuple):
    """`labels`: row, did, rkey, name, score, value, model, version, labelled_at (null: not said), in the order of the
    rows. `wrong`: row and reason."""

    labels: pa.Table
    wrong: list[tuple[int, str]]


def parse(engine: Engine, raw: pa.Table, first: int, moment_us: int, model: str = "", version: str = "") -> Parsed:
    """`raw`: the table of a Chunk, whose first row has the number `first`. `moment_us`: now. `model`, `version`: of
    rows that name none."""
    numbered = raw.append_column("row", pa.array(range(first, first + raw.num_rows), pa.int64()))
    source = _LINES if LINE in raw.column_names else _cells(raw.column_names)
    values = {"model": model, "version": version, "latest": moment_us + AHEAD_US}
    found = engine.table(f"FROM ({_PARSED.format(source=source)}) ORDER BY row", values, raw=numbered)
    right = found["reason"].is_null()
    wrong = found.filter(found["reason"].is_valid()).select(["row", "reason"])
    pairs = zip(wrong["row"].to_pylist(), wrong["reason"].to_pylist(), strict=True)
    return Parsed(found.filter(right).drop_columns("reason"), list(pairs))


def _cells(names: list[str]) -> str:
    columns = ", ".join(name if name in names else f"NULL::VARCHAR AS {name}" for name in COLUMNS)
    return f"(SELECT row, {columns}, false AS no_json, false AS blank FROM raw)"  # noqa: S608 - likewise
