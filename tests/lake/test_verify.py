"""verify_lake names each difference between the catalog and the disk, and nothing else."""

import os
import time
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from lake import files, verify
from lake.engine import Engine
from lake.models import DataFile
from lake.verify import Verifier
from tests.builders import account, commit, delete, like, post


def verified(*arguments):
    """What the command prints, and the sentence with which it fails (None when it does not)."""
    out = StringIO()
    try:
        call_command("verify_lake", *arguments, stdout=out, stderr=StringIO())
    except CommandError as error:
        return out.getvalue().splitlines(), str(error)
    return out.getvalue().splitlines(), None


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
    (line,) = lines
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


def test_a_file_that_was_damaged_before_it_was_listed_is_named(full):
    """The checksum is right, and yet there is no traceback, whichever byte it is."""
    raw = place(full).read_bytes()
    for offset in (0, 4, 40, 200, len(raw) // 2, *range(-1, -900, -30)):
        damaged = bytearray(raw)
        damaged[offset] ^= 0xFF
        place(full).write_bytes(damaged)
        relist(full)
        lines, _ = verified("--cids", "5")
        assert all(line.startswith((DataFile.objects.get(dataset="posts").path, "OK: ")) for line in lines)


def relist(lake, dataset="posts"):
    """Makes the catalog believe in the file as it is now."""
    path = place(lake, dataset)
    DataFile.objects.filter(dataset=dataset).update(bytes=path.stat().st_size, sha256=files.sha256(path))


def test_a_file_that_is_no_parquet_is_named(full):
    place(full).write_bytes(b"something else")
    relist(full)
    assert "can't be read (" in the_only_finding("--cids", "5")


def test_a_catalog_that_says_otherwise_is_named(full):
    for changed, words in (
        ({"rows": 3}, "holds 2 rows, the catalog says 3"),
        ({"rows": 2, "min_seen": "2026-07-01T00:00:00Z"}, "the catalog says 2026-07-01T00:00:00+00:00"),
    ):
        DataFile.objects.filter(dataset="posts").update(**changed)
        assert words in the_only_finding()


def test_a_file_that_no_batch_lists_is_named(full):
    (place(full).parent / "f-1-0.parquet").write_bytes(b"an orphan")
    assert "is on the disk, but the catalog does not list it; the flusher removes" in the_only_finding()


def test_a_temporary_file_is_named_when_it_is_old(full):
    temporary = place(full).parent / ".f-1-0.parquet.tmp"
    temporary.write_bytes(b"growing")
    assert verified()[1] is None
    os.utime(temporary, (time.time() - 3600, time.time() - 3600))
    assert temporary.name in the_only_finding()


def test_a_superseded_file_is_no_finding_wherever_it_is(full):
    (full.root / ".superseded").mkdir()
    place(full).rename(full.root / ".superseded" / "f-1-0.parquet")
    DataFile.objects.filter(dataset="posts").update(superseded_at="2026-07-02T00:00:00Z")
    assert verified()[1] is None


def test_each_difference_is_named(full):
    place(full, "likes").unlink()
    place(full, "posts").write_bytes(b"")
    lines, failure = verified()
    assert len(lines) == 2
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
    @pytest.fixture
    def verifier(self, full, monkeypatch):
        monkeypatch.setattr(verify, "LOOK_SECONDS", 0.01)
        return lambda writing: Verifier(full.root, Engine("200MB", 1), 0, writing)

    def test_a_file_that_is_listed_a_moment_later_is_no_finding(self, full, verifier):
        DataFile.objects.filter(dataset="posts").update(path="posts/not-yet.parquet")
        (unlisted,) = verify.unlisted(full.root)

        def commits():
            DataFile.objects.filter(dataset="posts").update(path=unlisted)
            return True

        looking = verifier(commits)
        assert looking._settled({unlisted}) == []

    def test_a_file_that_stays_unlisted_is_one(self, full, verifier, monkeypatch):
        monkeypatch.setattr(verify, "COMMIT_SECONDS", 0.05)
        (full.root / "posts" / "x.parquet").write_bytes(b"")
        looking = verifier(lambda: True)
        list(looking.run())
        assert [finding.path for finding in looking.report.findings] == ["posts/x.parquet"]

    def test_a_file_that_is_superseded_while_it_is_read_is_none(self, full, verifier):
        looking = verifier(lambda: False)
        file = DataFile.objects.get(dataset="posts")
        place(full).unlink()
        DataFile.objects.update(superseded_at="2026-07-02T00:00:00Z")
        looking._verify(file)
        assert looking.report.findings == []
