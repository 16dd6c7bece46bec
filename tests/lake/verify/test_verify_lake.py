"""verify_lake prints each difference between the catalog and the lake, and nothing else."""

from datetime import timedelta

from lake.models import DataFile
from lake.verify import deletions
from process import records
from tests.builders import BOB, NOON_US, account, delete, post
from tests.lake.verify.lakes import age_batches, compact, path_of, verified

HOUR_US = 3_600_000_000


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


def test_each_difference_is_named(full):
    path_of(full, "likes").unlink()
    path_of(full, "posts").write_bytes(b"")
    lines, failure = verified()
    assert lines[0] == "2 files are missing or damaged: their rows were not checked."
    assert len(lines) == 3
    assert failure.startswith("2 differences in 4 files")


def test_purge_deleted_decides_whether_kept_text_is_a_difference(full):
    from constance import config

    DataFile.objects.filter(dataset="posts").update(unpurged=2)
    assert any("purge_deleted is on" in line for line in verified()[0])
    config.purge_deleted = False
    assert not any("purge_deleted is on" in line for line in verified()[0])


def test_what_flusher_and_compactor_make_is_in_order(lake, tmp_path, monkeypatch):
    for hour in range(3):
        at = NOON_US + hour * HOUR_US
        lake.flush(*(post(f"{hour}", time_us=at + number) for number in range(5)), delete("x", time_us=at + 9))
        lake.flush(
            *(post(f"{hour}", time_us=at + number, did=BOB) for number in range(5)),
            account(True, seq=hour, time_us=at),
        )
    age_batches()
    assert verified()[1] is None
    compact(lake, tmp_path)
    monkeypatch.setattr(deletions, "APPLIED_WITHIN", -timedelta(minutes=1))
    assert verified()[1] is None


def test_the_last_run_is_recorded_beside_the_catalog(full):
    assert records.last_run("verification") == (None, False, None)
    verified()
    good, failed, _ = records.last_run("verification")
    assert (good is None, failed) == (False, False)
    path_of(full, "likes").unlink()
    verified()
    assert records.last_run("verification")[:2] == (good, True)
