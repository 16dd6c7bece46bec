"""A sample of another host against the rows of the lake."""

from ingest.events import read
from lake.proof import comparison
from lake.proof.comparison import Found, Window
from tests.builders import ALICE, NOON_US, delete, identity, like, post

SECOND_US = 1_000_000
WINDOW = Window(NOON_US, NOON_US + 10 * SECOND_US)
MARGIN_US = 2 * SECOND_US


def key(number):
    return "posts", ALICE, "app.bsky.feed.post", f"k{number}", f"r{number}", "create"


def rows(*seconds, cid="c"):
    """By key, an event in each of these seconds of the window."""
    return {key(number): Found(NOON_US + number * SECOND_US, cid) for number in seconds}


def compare(theirs, ours):
    found = comparison.compare(theirs, ours, WINDOW, MARGIN_US)
    return {name: found[name] for name in ("missing", "extra", "cids", "other_cids")}, found


def test_equal_sides():
    found, whole = compare(rows(1, 3, 5), rows(1, 3, 5))
    assert found == {"missing": 0, "extra": 0, "cids": 3, "other_cids": 0}
    assert whole["sent"] == whole["stored"] == {"posts": 2}, "of the edges nothing is asked"


def test_what_is_missing_or_extra_is_counted_and_named():
    found, whole = compare(rows(3, 4), rows(4, 5))
    assert found == {"missing": 1, "extra": 1, "cids": 1, "other_cids": 0}
    assert whole["named"]["missing"] == [" ".join(key(3))]
    assert whole["named"]["extra"] == [" ".join(key(5))]


def test_the_edges_are_forgiven():
    found, _ = compare(rows(0, 5), rows(5, 9))
    assert (found["missing"], found["extra"]) == (0, 0)


def test_an_event_that_hosts_stamp_differently_is_neither():
    theirs, ours = {key(1): Found(WINDOW.start_us, "c")}, {key(1): Found(NOON_US + 5 * SECOND_US, "c")}
    found, _ = compare(theirs, ours)
    assert (found["missing"], found["extra"]) == (0, 0)


def test_cids_that_differ_are_named_and_derived_ones_are_not_compared():
    found, whole = compare(rows(3, 4), rows(3, cid="d") | rows(4, cid=None))
    assert (found["cids"], found["other_cids"]) == (1, 1)
    assert whole["named"]["other_cids"] == [" ".join(key(3))]


def test_each_kind_of_event_has_a_key():
    events = [read(frame) for frame in (post("a", rkey="k"), delete("k"), like("k2"), identity())]
    assert sorted(found[0] for found in comparison.sent(events)) == ["accounts", "deletes", "likes", "posts"]


def test_a_record_that_does_not_hash_to_its_cid_is_named():
    good, bad = post("a", rkey="good"), post("a", rkey="bad").replace(b'"text": "a"', b'"text": "b"')
    assert list(comparison.wrong_hashes(map(read, (good, bad)))) == [f"at://{ALICE}/app.bsky.feed.post/bad"]
