"""Ages and samples."""

from datetime import UTC, datetime, timedelta

import pytest

from lake.models import BatchRun, DataFile
from lake.verify.checked_lake import CheckedLake, age, random_slice
from lake.verify.findings import Report

HOUR = timedelta(hours=1)


def test_a_files_age_is_that_of_its_batch_or_of_its_name():
    now = datetime.now(UTC)
    ms = round((now - 3 * HOUR).timestamp() * 1000)
    flushed = DataFile(path="posts/f-1-0.parquet", batch=BatchRun(started_at=now - 2 * HOUR))
    ages = [age(flushed), age(DataFile(path=f"posts/c-{ms}.parquet")), age(DataFile(path="posts/c-other.parquet"))]
    assert [round(found / HOUR, 2) for found in ages] == [2, 3, 0]


def test_damaged_files_are_left_out(tmp_path):
    lake = CheckedLake(tmp_path, None, Report(damaged={"posts/a"}))
    assert [file.path for file in lake.intact([DataFile(path="posts/a"), DataFile(path="posts/b")])] == ["posts/b"]
    assert lake.relative(lake.absolute([DataFile(path="posts/b")])[0]) == "posts/b"


@pytest.mark.parametrize(("length", "size"), [(0, 5), (3, 5), (5, 5), (6, 5), (1000, 5), (5, 0)])
def test_a_random_slice_has_its_size_and_reaches_both_ends(length, size):
    slices = {(part.start, part.stop) for part in (random_slice(length, size) for _ in range(200))}
    assert {len(range(length)[slice(*part)]) for part in slices} == {min(length, size)}
    if length == 6:
        assert slices == {(0, 5), (1, 6)}
