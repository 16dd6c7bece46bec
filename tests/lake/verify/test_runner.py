"""verify_lake names each difference between the catalog and the disk, and nothing else."""

import fcntl
import os
import shutil
import time
from io import StringIO

import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from lake.errors import LakeUnusable
from lake.models import DataFile
from lake.storage import disk
from lake.storage.duckdb_engine import Engine
from lake.storage.layout import superseded_place
from lake.verify import disk as verify_disk
from lake.verify import files as verify_files
from lake.verify import runner
from lake.verify.disk import DiskChecks
from lake.verify.files import FileChecks
from lake.verify.journal import Journal
from lake.verify.runner import Finding, Report, Stage, Task
from process.locks import lock_path
from tests.builders import account, commit, delete, like, post


def verified(*arguments):
    """What the command prints, and the sentence with which it fails (None when it does not)."""
    out = StringIO()
    try:
        call_command("verify_lake", *arguments, stdout=out, stderr=StringIO())
    except CommandError as error:
        return out.getvalue().splitlines(), str(error)
    return out.getvalue().splitlines(), None


@pytest.fixture(autouse=True)
def journal_path(settings, tmp_path):
    settings.DATABASE_PATH = tmp_path / "catalog.sqlite3"
    return tmp_path / "catalog.sqlite3.verified"


@pytest.fixture
def full(lake):
    """A lake with files of several datasets."""
    lake.flush(post("one"), post("two"), like("at://x/app.bsky.feed.post/y"), delete("z"), account(True))
    return lake


def place(lake, dataset="posts"):
    """The file of a dataset on the disk."""
    return lake.root / DataFile.objects.get(dataset=dataset).path


def the_only_finding(*arguments):
    lines, failure = verified(*arguments)
    assert failure.startswith("1 differences in"), (lines, failure)
    (line,) = (line for line in lines if "nothing is said of their rows" not in line)
    return line


def test_a_lake_in_order_is_ok(full):
    lines, failure = verified("--cids", "10")
    size = sum(DataFile.objects.values_list("bytes", flat=True))
    assert (lines, failure) == ([f"OK: 4 files, 5 rows, {size:,} bytes, 3 CIDs."], None)


def test_an_empty_lake_is_ok(lake):
    assert verified() == (["OK: 0 files, 0 rows, 0 bytes, 0 CIDs."], None)


def test_a_lake_that_is_missing_is_one_sentence(full, settings):
    settings.LAKE_ROOT = settings.LAKE_ROOT / "elsewhere"
    lines, failure = verified()
    assert lines == []
    assert failure.startswith(f"LAKE_ROOT {settings.LAKE_ROOT} is missing: mount it")


def test_a_missing_file_is_named(full):
    place(full).unlink()
    assert (
        the_only_finding()
        == f"{DataFile.objects.get(dataset='posts').path}: is missing with its 2 rows; restore it from a backup"
    )


def test_a_file_that_was_cut_is_named(full):
    raw = place(full).read_bytes()
    for keep in (0, 1, 3, 100, len(raw) - 1):
        place(full).write_bytes(raw[:keep])
        assert "bytes, the catalog says" in the_only_finding("--cids", "5")


def test_a_flipped_byte_is_named(full):
    raw = bytearray(place(full).read_bytes())
    raw[len(raw) // 2] ^= 1
    place(full).write_bytes(raw)
    assert "has the sha256" in the_only_finding("--cids", "5")


def test_a_file_that_was_damaged_before_it_was_listed_is_named(full, journal_path):
    """The checksum is right, and yet there is no traceback, whichever byte it is."""
    raw = place(full).read_bytes()
    path = DataFile.objects.get(dataset="posts").path
    engine = Engine("300MB", 1)
    for offset in (0, 4, 40, 200, len(raw) // 2, *range(-1, -900, -30)):
        damaged = bytearray(raw)
        damaged[offset] ^= 0xFF
        place(full).write_bytes(damaged)
        relist(full)
        report = Report()
        with Journal(journal_path) as journal:
            list(runner.run(FileChecks(full.root, engine, report, 5).stage(), journal, report))
        assert {finding.path for finding in report.findings} <= {path}
    engine.close()


def relist(lake, dataset="posts"):
    """Makes the catalog believe in the file as it is now."""
    path = place(lake, dataset)
    DataFile.objects.filter(dataset=dataset).update(bytes=path.stat().st_size, sha256=disk.sha256(path))


def test_a_file_that_is_no_parquet_is_named(full):
    place(full).write_bytes(b"something else")
    relist(full)
    assert "can't be read (" in the_only_finding("--cids", "5")


def test_a_catalog_that_says_otherwise_is_named(full):
    for changed, words in (
        ({"min_seen": "2026-07-01T12:00:00Z"}, "the catalog says 2026-07-01 12:00:00+00:00"),
        ({"max_created": None}, "has the max_created 2026-07-01 11:59:59.123000+00:00, the catalog says None"),
        ({"hour": "2026-07-01T13:00:00Z"}, "is not in the folder of its hour 2026-07-01 13:00"),
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
        raw = place(full).read_bytes()
        pq.write_table(change(pq.ParquetFile(place(full)).read()), place(full))
        relist(full)
        assert words in the_only_finding()
        place(full).write_bytes(raw)


def test_a_file_that_no_batch_lists_is_named(full):
    (place(full).parent / "f-1-0.parquet").write_bytes(b"an orphan")
    assert (
        "is on the disk, but the catalog does not list it; verify_lake --fix moves it to .orphans" in the_only_finding()
    )


def test_a_temporary_file_is_named_when_it_is_old(full):
    temporary = place(full).parent / ".f-1-0.parquet.tmp"
    temporary.write_bytes(b"growing")
    assert verified()[1] is None
    os.utime(temporary, (time.time() - 3600, time.time() - 3600))
    assert temporary.name in the_only_finding()


def test_a_superseded_file_is_no_finding_wherever_it_is(full):
    (full.root / ".superseded").mkdir()
    file = DataFile.objects.get(dataset="posts")
    DataFile.objects.filter(pk=file.pk).update(superseded_at="2026-07-02T00:00:00Z")
    new = file.path.replace("f-", "c-").replace("-0.parquet", ".parquet")
    shutil.copyfile(full.root / file.path, full.root / new)
    file.pk, file.path, file.batch = None, new, None
    file.save()
    assert verified()[1] is None
    old = DataFile.objects.exclude(superseded_at=None).get().path
    (full.root / old).rename(full.root / superseded_place(old))
    assert verified()[1] is None
    (full.root / ".superseded" / "other").write_bytes(b"")
    assert any(line.startswith(".superseded/other: is on the disk") for line in verified()[0])


def test_each_difference_is_named(full):
    place(full, "likes").unlink()
    place(full, "posts").write_bytes(b"")
    lines, failure = verified()
    assert lines[0] == "2 files can't be read whole: nothing is said of their rows."
    assert len(lines) == 3
    assert failure.startswith("2 differences in 4 files")


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


def test_a_record_that_dag_cbor_cant_hold_is_skipped_and_counted(lake):
    unholdable = commit("a.b.c", {"huge": 2**70}).replace(b'"rkey"', b'"cid": "bafyreisome", "rkey"')
    lake.flush(
        unholdable,
        commit("a.b.c", {"x": 1}),
    )
    lines, failure = verified("--cids", "5")
    assert failure is None
    assert lines[0].endswith("1 CIDs (1 records that DAG-CBOR can't hold skipped).")


class TestBesideARunningFlusher:
    @pytest.fixture(autouse=True)
    def impatient(self, monkeypatch):
        monkeypatch.setattr(verify_disk, "LOOK_SECONDS", 0.01)

    def test_a_file_that_is_listed_a_moment_later_is_no_finding(self, full):
        DataFile.objects.filter(dataset="posts").update(path="posts/not-yet.parquet")
        (unlisted,) = verify_disk.unlisted(full.root)

        def commits():
            DataFile.objects.filter(dataset="posts").update(path=unlisted)
            return True

        assert list(DiskChecks(full.root, Report(), commits)._check()) == []

    def test_a_file_that_stays_unlisted_is_one(self, full, monkeypatch):
        monkeypatch.setattr(verify_disk, "COMMIT_SECONDS", 0.05)
        (full.root / "posts" / "x.parquet").write_bytes(b"")
        assert [finding.path for finding in DiskChecks(full.root, Report(), lambda: True)._check()] == [
            "posts/x.parquet"
        ]

    def test_a_file_that_is_superseded_while_it_is_read_is_none(self, full, monkeypatch):
        def swaps(path):
            DataFile.objects.filter(dataset="posts").update(superseded_at="2026-07-02T00:00:00Z")
            path.unlink(missing_ok=True)
            raise FileNotFoundError(path)

        posts, real = place(full), disk.sha256
        monkeypatch.setattr(verify_files.disk, "sha256", lambda path: swaps(path) if path == posts else real(path))
        lines, _ = verified()
        assert not any(str(posts.name) in line for line in lines)

    def test_tasks_that_need_a_file_which_has_gone_are_made_again(self, db):
        report, looks = Report(), []

        def tasks():
            looks.append(1)
            if len(looks) < 3:
                raise LakeUnusable("it was swapped")
            return [Task("it", "", list)]

        assert list(runner.run(Stage("x", tasks), None, report)) == [(1, 1)]
        assert report.findings == []
        assert list(runner.run(Stage("x", lambda: (_ for _ in ()).throw(LakeUnusable("gone"))), None, report)) == []
        assert [str(finding) for finding in report.findings] == [
            "x: can't be read (gone); mend what it says, or restore it from a backup"
        ]

    def test_what_stays_wrong_while_the_catalog_changes_is_found(self, full):
        finding = Finding("it", "is wrong", "mend it")
        looks = []

        def check():
            looks.append(1)
            DataFile.objects.filter(dataset="likes").update(superseded_at=f"2026-07-02T00:00:0{len(looks)}Z")
            DataFile.objects.filter(dataset="posts").update(
                superseded_at=None if len(looks) % 2 else "2026-07-02T00:00Z"
            )
            return [finding]

        assert (runner.confirmed(Task("it", "", check)), len(looks)) == ([finding], 2)


class TestARunThatWasKilled:
    def test_goes_on_where_it_was_and_says_so(self, full, monkeypatch):
        killed_at(monkeypatch, 2)
        with pytest.raises(SystemExit):
            verified()
        monkeypatch.undo()
        lines, failure = verified()
        assert failure is None
        assert "A run that did not end has verified 2 things from 20" in lines[0]
        assert lines[1].startswith("OK: 2 files")
        assert lines[1].endswith(", 2 things skipped.")
        assert verified()[0][0].startswith("OK: 4 files"), "a run that ends leaves nothing to skip"

    def test_verifies_again_what_is_not_the_same(self, full, monkeypatch, journal_path):
        killed_at(monkeypatch, 4)
        with pytest.raises(SystemExit):
            verified()
        monkeypatch.undo()
        DataFile.objects.filter(dataset="posts").update(sha256="0" * 64)
        assert any("has the sha256" in line for line in verified()[0])

    def test_begins_anew_when_it_is_told_to_or_when_it_is_old(self, full, monkeypatch, journal_path):
        for arguments, age in ((["--again"], 0), ([], 8 * 86_400)):
            with Journal(journal_path) as journal:
                for file in DataFile.objects.all():
                    journal.add(f"file {file.pk} {file.sha256} 0")
            if age:
                later = time.time() + age
                monkeypatch.setattr(time, "time", lambda later=later: later)
            assert verified(*arguments)[0][0].startswith("OK: 4 files")

    def test_a_line_that_was_cut_short_is_no_harm(self, journal_path):
        with Journal(journal_path) as journal:
            journal.add("one")
        with journal_path.open("a") as file:
            file.write('["two", 17')
        with Journal(journal_path) as journal:
            assert (journal.holds("one"), journal.holds("two")) == (True, False)

    def test_two_at_a_time_are_refused(self, full, journal_path):
        with Journal(journal_path):
            assert verified()[1] == "Another verify_lake runs: wait until it has ended."

    def test_what_differs_is_never_skipped(self, db, journal_path):
        with Journal(journal_path) as journal:
            stage = Stage("x", lambda: [Task("it", "key", lambda: [Finding("it", "is wrong", "mend it")])])
            list(runner.run(stage, journal, Report()))
            assert journal.count == 0
        with Journal(journal_path) as journal:
            assert not journal.holds("key")


def killed_at(monkeypatch, number):
    """The run ends when so many things were found in order."""
    real, added = Journal.add, []

    def add(self, key):
        real(self, key)
        added.append(key)
        if len(added) == number:
            raise SystemExit(-9)

    monkeypatch.setattr(Journal, "add", add)


class TestFix:
    def test_moves_orphans_and_nothing_else(self, full):
        folder = place(full).parent
        for name in ("f-1-0.parquet", "c-1.parquet", "mine.parquet"):
            (folder / name).write_bytes(b"an orphan")
        lines, failure = verified("--fix")
        kept = [f".orphans/posts~year=2026~month=07~day=01~hour=12~{name}" for name in ("c-1.parquet", "f-1-0.parquet")]
        assert [line.partition(": moved to ")[2] for line in lines if "moved to" in line] == kept
        assert sorted(f".orphans/{path.name}" for path in (full.root / ".orphans").iterdir()) == kept
        assert failure.startswith("1 differences in 4 files")
        assert sorted(path.name for path in folder.iterdir()) == sorted([place(full).name, "mine.parquet"])
        (folder / "mine.parquet").unlink()
        assert verified()[1] is None

    def test_is_satisfied_when_all_is_repaired(self, full):
        (place(full).parent / "f-1-0.parquet").write_bytes(b"an orphan")
        assert verified("--fix")[1] is None

    @pytest.mark.parametrize("writer", ["flush_buffer", "compact_lake"])
    def test_does_nothing_while_a_writer_runs(self, full, writer, monkeypatch):
        """Even one that has been stopped for an hour may go on and list its file."""
        monkeypatch.setattr(verify_disk, "COMMIT_SECONDS", 0.05)
        orphan = place(full).parent / "f-1-0.parquet"
        orphan.write_bytes(b"of a batch that will be committed")
        with lock_path(writer).open("w") as file:
            fcntl.flock(file.fileno(), fcntl.LOCK_EX)
            lines, failure = verified("--fix")
        assert any(line.endswith("not repaired: stop flush_buffer and compact_lake first") for line in lines)
        assert failure.startswith("1 differences")
        assert orphan.exists()

    def test_without_it_nothing_is_touched(self, full):
        orphan = place(full).parent / "f-1-0.parquet"
        orphan.write_bytes(b"an orphan")
        verified()
        assert orphan.exists()
