"""Which files the catalog names."""

from lake.catalog.listing import paths_near
from lake.models import DataFile
from tests.builders import NOON_US, post

HOUR_US = 3_600_000_000


def test_events_of_any_number_of_hours_are_looked_for(lake):
    """A host may send events of a thousand different hours at once: more conditions than SQLite takes in one query."""
    for hour in (0, 1500):
        lake.flush(post("one", rkey=f"k{hour}", time_us=NOON_US - hour * HOUR_US))
    ranges = [(NOON_US - hour * HOUR_US, NOON_US - hour * HOUR_US + 1) for hour in range(1501)]
    every = set(DataFile.listed.values_list("path", flat=True))
    assert len(every) == 2
    assert set(paths_near(ranges, False)) == set(paths_near(ranges[::1500], True)) == every
    assert paths_near(ranges[1:-1], False) == []
