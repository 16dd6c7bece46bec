"""An event whose time_us is ahead of the clock, and which comes again when the clock has come nearer."""

import time

from process.instants import now_us
from tests.builders import post
from tests.end_to_end.stack import until

HOUR_US = 3_600_000_000


def test_an_event_ahead_of_its_time_that_comes_again_later_folds(lake):
    """First it is more than an hour ahead, so that its seen is its arrival; then less, so that it is its time_us."""
    ahead = post("ahead", time_us=now_us() + HOUR_US + 1_500_000)
    lake.flush(ahead)
    began = time.monotonic()
    until(lambda: time.monotonic() - began > 2, "the clock has come nearer")
    lake.flush(ahead)
    (row,) = lake.rows("posts")
    assert "$time_us" in row["extra"], "it was impossible when it came first"
