"""verify_lake --quick: catalog against disk both ways, by sizes and footers, and the catalog's own file."""

import shutil

from django.db import connection

from lake.models import DataFile, IndexFile
from lake.verify.catalog import CatalogChecks
from process import records
from process.locks import exclusive
from tests.lake.verify.lakes import found, path_of, the_only_finding, verified


def test_a_lake_in_order_is_ok_and_recorded_as_a_job_of_its_own(full):
    lines, failure = verified("--quick")
    assert (len(lines), failure) == (1, None)
    assert lines[0].startswith("OK: 4 files, 5 rows, ")
    assert records.last_run("catalog_check").good
    assert records.last_run("verification").good is None


def test_each_kind_of_difference_is_named(full):
    path_of(full, "likes").unlink()
    path_of(full, "posts").write_bytes(path_of(full, "posts").read_bytes() + b"x")
    shutil.copy(path_of(full, "deletes"), path_of(full, "deletes").with_name("f-1-0.parquet"))
    DataFile.objects.filter(dataset="accounts").update(rows=7)
    lines, failure = verified("--quick")
    for words in ("is missing with its 1 rows", "bytes, the catalog says", "does not list it", "holds 1 rows, the cat"):
        assert len([line for line in lines if words in line]) == 1, (words, lines)
    assert "lacks" not in failure
    assert records.last_run("catalog_check").failed


def test_what_only_the_rows_tell_is_left_to_the_full_run(full):
    path = path_of(full)
    data = bytearray(path.read_bytes())
    data[len(data) // 4] ^= 1
    path.write_bytes(data)
    assert verified("--quick")[1] is None
    assert verified()[1] is not None


def test_an_index_that_is_missing_or_has_another_size(full):
    kept = IndexFile.objects.create(
        path=".index/a.index", start="2026-07-01T00:00Z", end="2026-07-02T00:00Z", rows=1, bytes=3, sha256="", files=[]
    )
    assert found(full, CatalogChecks) == [f"{kept.path}: is missing; compact_lake rebuilds it, or verify_lake --fix "
                                          "while no writer runs"]  # fmt: skip
    (full.root / ".index").mkdir(exist_ok=True)
    (full.root / kept.path).write_bytes(b"four")
    assert "has 4 bytes, the catalog says 3" in found(full, CatalogChecks)[0]
    (full.root / kept.path).write_bytes(b"two")
    assert found(full, CatalogChecks) == []


def test_a_catalog_that_sqlite_finds_damaged(full):
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE odd (number INTEGER CHECK (number > 0))")
        cursor.execute("PRAGMA ignore_check_constraints = ON")
        cursor.execute("INSERT INTO odd VALUES (-1)")
        cursor.execute("PRAGMA ignore_check_constraints = OFF")
    finding = the_only_finding("--quick")
    assert finding.startswith("catalog: is damaged (CHECK constraint failed in odd); restore the catalog and the lake")


def test_an_unfinished_full_run_is_not_touched(full, journal_path):
    journal_path.write_text('["file 1", 9999999999]\n')
    assert verified("--quick")[1] is None
    assert journal_path.read_text()


def test_what_excludes_each_other_is_refused(full):
    assert "leave out --quick or --cids" in verified("--quick", "--cids", "5")[1]


def test_a_second_copy_is_no_run_that_failed(full, journal_path):
    with exclusive(journal_path):
        assert "Another verify_lake runs" in verified()[1]
    assert records.last_run("verification") == (None, False, None)
