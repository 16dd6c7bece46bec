"""Terms are lower-cased as DuckDB does it."""

from lake.query.index_terms import lowercase
from lake.storage.duckdb_engine import Engine


def test_lowercase_is_what_duckdb_does_to_each_character():
    points = [*range(1, 0xD800), *range(0xE000, 0x110000)]
    values = "SELECT chr(p::INTEGER) FROM range(1, 1114112) AS t(p) WHERE p NOT BETWEEN 55296 AND 57343 ORDER BY p"
    engine = Engine("500MB", 1)
    ((lowered,),) = engine.rows(f"SELECT lower(string_agg(character, '')) FROM ({values}) AS t(character)")
    engine.close()
    assert lowered == lowercase("".join(map(chr, points)))
