"""The SQL of this room, and the engine with the macros that it needs."""

from pathlib import Path

from lake.schema import Dataset
from lake.storage.duckdb_engine import Engine, read_sql

SQL = Path(__file__).parent / "sql"
MEMORY = "600MB"  # DuckDB's share; the process stays below 1 GiB


def new_engine(threads: int) -> Engine:
    engine = Engine(MEMORY, threads)
    define_macros(engine)
    return engine


def define_macros(engine: Engine) -> None:
    engine.run(statement("macros"))


def statement(name: str) -> str:
    """The text of sql/<name>.sql."""
    return read_sql(SQL / f"{name}.sql")


def typed(dataset: Dataset) -> str:
    """SELECT of the dataset's rows, with `n` and without the states, from the Arrow table `received`."""
    select = statement(dataset.select)  # likes and reposts share one, follows and blocks another
    select = select.replace("{collection}", dataset.collection or "")
    # json(): compact, with one way to escape, which the proofs of plain records rely on
    return f"WITH event AS (SELECT * REPLACE (json(nullif(body, '')) AS body) FROM received) SELECT * FROM ({select})"
