"""From the buffer to the lake."""

import pytest

from tests.builders import account, delete, like, post


def test_a_batch_is_written_committed_and_trimmed(lake):
    assert lake.flush(post("one"), post("two"), like("at://x/app.bsky.feed.post/y")) == 3
    assert [row["text"] for row in lake.rows("posts")] == ["one", "two"]
    assert len(lake.rows("likes")) == 1
    assert lake.buffer.depth() == 0


def test_an_event_that_comes_again_folds_in_the_batch_and_against_the_lake(lake):
    again = post("once")
    lake.flush(again, again)
    lake.flush(again)
    assert len(lake.rows("posts")) == 1
