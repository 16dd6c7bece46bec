"""An event that is in the lake twice is named, with the files that hold it."""

from datetime import UTC, datetime, timedelta

import pytest

from lake.models import DataFile
from lake.verify import duplicates
from lake.verify.duplicates import DuplicateChecks
from process.instants import now_us
from tests.builders import ALICE, NOON_US, like, post
from tests.lake.verify.lakes import found, listed_twice

HOUR_US = 3_600_000_000
MINUTE_US = 60_000_000


def test_a_file_and_its_successor_are_named_together(lake):
    lake.flush(*(post(str(number)) for number in range(3)))
    old, new = listed_twice(lake)
    (line,) = found(lake, DuplicateChecks)
    assert line == (
        f"{new}: holds 3 events that {old} holds too, such as one of {ALICE}; the daily pass of compact_lake "
        "deduplicates them"
    )


@pytest.mark.parametrize("minutes", [1, 9])
def test_a_repeat_in_the_next_hour_is_found_as_far_as_deduplication_reaches(lake, minutes):
    """The same event, stamped by another host on the other side of the full hour."""
    at = NOON_US + HOUR_US - 1
    frames = [post("one", time_us=at, rkey="k", rev="3mplhr77buizd")]
    lake.flush(*frames)
    hidden = DataFile.objects.get()
    DataFile.objects.update(superseded_at=datetime.now(UTC))  # so that the flusher does not see it
    lake.flush(post("one", time_us=at + minutes * MINUTE_US, rkey="k", rev="3mplhr77buizd"))
    DataFile.objects.filter(pk=hidden.pk).update(superseded_at=None)
    (line,) = found(lake, DuplicateChecks)
    assert "holds 1 events that" in line
    assert "report it: the flusher should have deduplicated them" in line


def test_other_versions_are_no_repeats(lake):
    lake.flush(post("one", rkey="k"), post("two", operation="update", rkey="k"), like("at://x/y/z"), like("at://x/y/z"))
    assert found(lake, DuplicateChecks) == []


def test_an_event_that_came_before_its_time_and_again_in_it(lake):
    """Its first row has the time of its arrival, the second its own: hours apart."""
    arrival = now_us()
    early = post("ahead", time_us=arrival + 3 * HOUR_US, rkey="k", rev="3mplhr77buizd")
    lake.flush(early)
    first = DataFile.objects.get()
    assert first.rows_by_arrival == 1
    assert found(lake, DuplicateChecks) == []
    DataFile.objects.update(superseded_at=datetime.now(UTC))
    lake.flush(post("ahead", time_us=arrival - MINUTE_US, rkey="k", rev="3mplhr77buizd"))
    DataFile.objects.filter(pk=first.pk).update(superseded_at=None)
    second = DataFile.objects.exclude(pk=first.pk).get()
    moved = datetime.now(UTC) + timedelta(hours=3)  # as if this batch were of then
    DataFile.objects.filter(pk=second.pk).update(max_seen=moved, min_seen=first.min_seen + timedelta(minutes=30))
    lines = [line for line in found(lake, DuplicateChecks) if "holds 1 events that" in line]
    assert lines


def test_memory_is_bounded_by_parts(lake, monkeypatch):
    """In as many parts as the rows ask for, and still each repeat is found once."""
    lake.flush(*(post(str(number), did=f"did:plc:{number:024}") for number in range(40)))
    listed_twice(lake)
    monkeypatch.setattr(duplicates, "ROWS_AT_ONCE", 16)
    counts = [int(line.split("holds ")[1].split()[0]) for line in found(lake, DuplicateChecks)]
    assert sum(counts) == 40
    assert len(counts) > 1
