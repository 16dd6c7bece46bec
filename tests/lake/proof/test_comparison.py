"""A sample of another host against the rows of the lake."""

from contextlib import closing

from ingest.events import read
from lake.proof import comparison
from lake.proof.comparison import Found, Window
from lake.storage.duckdb_engine import Engine
from tests.builders import ALICE, NOON_US, delete, identity, like, post
from tests.end_to_end.stream import frames_of, world

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


def test_hosts_that_are_out_of_step_are_compared_in_step():
    """The other host stamps ten seconds earlier, and its sample began later than our rows of that time."""
    theirs = rows(3, 4, 5)
    ours = {each: found._replace(seen_us=found.seen_us + 10 * SECOND_US) for each, found in theirs.items()}
    before = {key(-5): Found(NOON_US + 5 * SECOND_US, "c")}
    after = {key(9): Found(NOON_US + 19 * SECOND_US, "c")}
    found, whole = compare(theirs, ours | before)
    assert (found["missing"], found["extra"], whole["ahead_us"]) == (0, 0, 10 * SECOND_US)
    assert compare(theirs, ours | after)[0]["extra"] == 0, "of the edge nothing is asked"
    invented = {key(6): Found(NOON_US + 16 * SECOND_US, "c")}
    assert compare(theirs, ours | invented)[0]["extra"] == 1


def test_each_version_and_each_delete_of_a_record_is_an_event_of_its_own():
    frames = [
        post("a", rkey="k", rev="r1", time_us=NOON_US),
        post("b", "update", rkey="k", rev="r2", time_us=NOON_US),
        delete("k", rev="r3", time_us=NOON_US),
        post("c", rkey="k", rev="r4", time_us=NOON_US),
    ]
    theirs = comparison.sent(map(read, frames))
    assert len(theirs) == 4
    found, _ = compare(theirs, dict(list(theirs.items())[:-1]))
    assert found["missing"] == 0, "NOON is at the edge"
    whole = comparison.compare(theirs, dict(list(theirs.items())[:-1]), Window(0, 2 * NOON_US), MARGIN_US)
    assert (whole["missing"], whole["extra"]) == (1, 0)


def test_cids_that_differ_are_named_and_derived_ones_are_not_compared():
    found, whole = compare(rows(3, 4), rows(3, cid="d") | rows(4, cid=None))
    assert (found["cids"], found["other_cids"]) == (1, 1)
    assert whole["named"]["other_cids"] == [" ".join(key(3))]


def test_each_kind_of_event_has_a_key():
    events = [read(frame) for frame in (post("a", rkey="k"), delete("k"), like("k2"), identity())]
    assert sorted(found[0] for found in comparison.sent(events)) == ["accounts", "deletes", "likes", "posts"]


def test_the_lake_has_the_keys_and_cids_of_all_that_was_sent(lake):
    events = [read(frame) for frame in frames_of(world(300))]
    lake.flush(*(event.frame for event in events))
    with closing(Engine("250MB", 1)) as engine:
        found = comparison.stored(engine, lake.root, comparison.window(events), MARGIN_US)
    assert found == comparison.sent(events)


def test_hosts_of_other_relays_number_the_same_account_event_otherwise():
    one, other = (read(identity(seq=seq)) for seq in (7, 70_000))
    assert comparison.sent([one]).keys() == comparison.sent([other]).keys()


def test_a_record_that_does_not_hash_to_its_cid_is_named():
    good, bad = post("a", rkey="good"), post("a", rkey="bad").replace(b'"text": "a"', b'"text": "b"')
    assert list(comparison.wrong_hashes(map(read, (good, bad)))) == [f"at://{ALICE}/app.bsky.feed.post/bad"]
