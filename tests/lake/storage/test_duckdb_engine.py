"""What a search could do at the worst, if someone got SQL of his own into it: read the lake."""

import pytest

from lake.errors import QueryTimeout
from lake.storage.duckdb_engine import Engine


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fence")
    for name in ("lake", "lake-2"):
        (folder / name).mkdir()
        Engine("100MB", 1).rows(f"COPY (SELECT 1 AS a) TO '{folder / name / 'a.parquet'}'")
    (folder / "lake" / "link.parquet").symlink_to(folder / "lake-2" / "a.parquet")
    return folder


@pytest.fixture(scope="module")
def fenced(folder):
    return Engine("100MB", 1, fence=folder / "lake")


def test_the_lake_can_be_read(fenced, folder):
    assert fenced.rows("SELECT a FROM read_parquet($1)", [[str(folder / "lake" / "a.parquet")]]) == [(1,)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_parquet('{folder}/lake-2/a.parquet')",
        "SELECT * FROM read_parquet('{folder}/lake/../lake-2/a.parquet')",
        "SELECT * FROM read_parquet('{folder}/lake/link.parquet')",
        "SELECT * FROM read_parquet('https://localhost/a.parquet')",
    ],
)
def test_nothing_else_can_be_read(fenced, folder, sql):
    with pytest.raises(Exception, match=r"Permission Error|Cannot access"):
        fenced.rows(sql.format(folder=folder))


@pytest.mark.parametrize(
    "sql",
    [
        "COPY (SELECT 1) TO '{folder}/lake/b.parquet'",
        "SELECT 1; COPY (SELECT 1) TO '{folder}/lake/b.parquet'",
        "ATTACH '{folder}/lake/b.db'",
        "EXPORT DATABASE '{folder}/lake/b'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET memory_limit = '64GB'",
        "SET enable_external_access = true",
        "RESET lock_configuration",
        "PRAGMA temp_directory = '/tmp'",
        "CREATE TABLE b AS SELECT 1",
    ],
)
def test_nothing_can_be_written_and_no_setting_changed(fenced, folder, sql):
    before = sorted(folder.rglob("*"))
    with pytest.raises(PermissionError):
        fenced.rows(sql.format(folder=folder))
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    "sql",
    ["COPY (SELECT 1) TO '{folder}/b.csv'", "ATTACH '{folder}/b.db'", "INSTALL httpfs", "SET memory_limit = '64GB'"],
)
def test_duckdb_itself_refuses_what_is_outside_the_fence(fenced, folder, sql):
    with pytest.raises(Exception, match=r"Permission Error|locked"):
        fenced.cursor().execute(sql.format(folder=folder))


def test_a_folder_that_is_made_later_can_be_read(tmp_path, folder):
    fenced = Engine("100MB", 1, fence=tmp_path / "later")
    (folder / "lake").rename(tmp_path / "later")
    try:
        assert fenced.rows("SELECT a FROM read_parquet($1)", [[str(tmp_path / "later" / "a.parquet")]]) == [(1,)]
    finally:
        (tmp_path / "later").rename(folder / "lake")


@pytest.mark.parametrize("seconds", [0.00001, 0.001, 0.1])
def test_a_query_ends_at_its_time_limit_also_when_that_comes_before_it_has_begun(fenced, seconds):
    with pytest.raises(QueryTimeout):
        fenced.rows("SELECT sum(a) FROM range(100_000_000_000) t(a) WHERE hash(a) > 5", seconds=seconds)


def test_a_stream_ends_at_its_time_limit_and_others_go_on(fenced):
    stream = fenced.stream("SELECT a FROM range(100_000_000_000) t(a) ORDER BY hash(a) LIMIT 1000", seconds=0.2)
    assert fenced.rows("SELECT 1") == [(1,)]
    with pytest.raises(Exception, match=r"took longer|memory"):
        next(stream)
    assert fenced.rows("SELECT 1") == [(1,)]
