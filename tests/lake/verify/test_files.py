"""Each listed file is what the catalog says, and its records hash to their CIDs."""

import pyarrow.parquet as pq

from lake.models import DataFile
from lake.storage import disk
from lake.storage.duckdb_engine import Engine
from lake.verify import files, runner
from lake.verify.checked_lake import CheckedLake
from lake.verify.files import FileChecks
from lake.verify.findings import Report
from lake.verify.journal import Journal
from tests.builders import commit, like, post
from tests.lake.verify.lakes import path_of, relist, the_only_finding, verified


def test_a_missing_file_is_named(full):
    path_of(full).unlink()
    assert (
        the_only_finding()
        == f"{DataFile.objects.get(dataset='posts').path}: is missing with its 2 rows; restore it from a backup"
    )


def test_a_file_that_was_cut_is_named(full):
    raw = path_of(full).read_bytes()
    for keep in (0, 1, 3, 100, len(raw) - 1):
        path_of(full).write_bytes(raw[:keep])
        assert "bytes, the catalog says" in the_only_finding("--cids", "5")


def test_a_flipped_byte_is_named(full):
    raw = bytearray(path_of(full).read_bytes())
    raw[len(raw) // 2] ^= 1
    path_of(full).write_bytes(raw)
    assert "has the sha256" in the_only_finding("--cids", "5")


def test_a_file_that_was_damaged_before_it_was_listed_is_named(full, journal_path):
    """The checksum is right, and yet there is no traceback, whichever byte it is."""
    raw = path_of(full).read_bytes()
    path = DataFile.objects.get(dataset="posts").path
    engine = Engine("300MB", 1)
    for offset in (0, 4, 40, 200, len(raw) // 2, *range(-1, -900, -30)):
        damaged = bytearray(raw)
        damaged[offset] ^= 0xFF
        path_of(full).write_bytes(damaged)
        relist(full)
        report = Report()
        with Journal(journal_path) as journal:
            list(runner.run(FileChecks(CheckedLake(full.root, engine, report), 5), journal, report))
        assert {finding.subject for finding in report.findings} <= {path}
    engine.close()


def test_a_file_that_is_no_parquet_is_named(full):
    path_of(full).write_bytes(b"something else")
    relist(full)
    assert "can't be read (" in the_only_finding("--cids", "5")


def test_a_catalog_that_says_otherwise_is_named(full):
    for changed, words in (
        ({"min_seen": "2026-07-01T12:00:00Z"}, "the catalog says 2026-07-01 12:00:00+00:00"),
        ({"max_created": None}, "has the max_created 2026-07-01 11:59:59.123000+00:00, the catalog says None"),
        ({"hour": "2026-07-01T13:00:00Z"}, "is not in the folder of its hour 2026-07-01 13:00"),
        ({"late_rows": 2}, "has 0 late rows, the catalog says 2"),
        ({"unpurged": 2}, "holds 0 deleted rows with text, the catalog says 2"),
    ):
        before = DataFile.objects.filter(dataset="posts").values(*changed).get()
        DataFile.objects.filter(dataset="posts").update(**changed)
        assert any(words in line for line in verified()[0]), words
        DataFile.objects.filter(dataset="posts").update(**before)
    assert verified()[1] is None


def test_rows_that_the_catalog_does_not_say_are_named(full):
    """The batches' sums differ as well: they come from elsewhere."""
    DataFile.objects.filter(dataset="posts").update(rows=3)
    lines, _ = verified()
    assert "holds 2 rows, the catalog says 3" in lines[0]
    assert [line.partition(":")[0] for line in lines[1:]] == ["hour 2026-07-01 12", "posts"]


def test_a_column_that_is_missing_or_of_another_type_is_named(full):
    for change, words in (
        (lambda table: table.drop_columns("text"), "has no column text"),
        (lambda table: table.set_column(0, "seen", table["seen"].cast("int64")), "has the column seen as BIGINT"),
    ):
        raw = path_of(full).read_bytes()
        pq.write_table(change(pq.ParquetFile(path_of(full)).read()), path_of(full))
        relist(full)
        assert words in the_only_finding()
        path_of(full).write_bytes(raw)


def test_a_record_that_does_not_hash_to_its_cid_is_named(lake):
    wrong = post("one").replace(b'"text": "one"', b'"text": "two"')
    lake.flush(post("right"), wrong)
    assert verified()[1] is None, "without --cids nothing is hashed"
    finding = the_only_finding("--cids", "9")
    assert "hashes to bafyrei" in finding
    assert "at://did:plc:alice" in finding


def test_at_most_so_many_records_of_a_file_are_hashed(lake):
    lake.flush(*(post(str(number)) for number in range(30)), *(like(f"at://x/y/{number}") for number in range(3)))
    assert verified("--cids", "7")[0][0].endswith("10 CIDs.")


def test_a_record_that_dag_cbor_cant_represent_is_skipped_and_counted(lake):
    unencodable = commit("a.b.c", {"huge": 2**70}).replace(b'"rkey"', b'"cid": "bafyreisome", "rkey"')
    lake.flush(
        unencodable,
        commit("a.b.c", {"x": 1}),
    )
    lines, failure = verified("--cids", "5")
    assert failure is None
    assert lines[0].endswith("1 CIDs (1 records that DAG-CBOR can't represent skipped).")


def test_a_file_that_is_superseded_while_it_is_read_is_none(full, monkeypatch):
    def swaps(path):
        DataFile.objects.filter(dataset="posts").update(superseded_at="2026-07-02T00:00:00Z")
        path.unlink(missing_ok=True)
        raise FileNotFoundError(path)

    posts, real = path_of(full), disk.sha256
    monkeypatch.setattr(files.disk, "sha256", lambda path: swaps(path) if path == posts else real(path))
    lines, _ = verified()
    assert not any(str(posts.name) in line for line in lines)
