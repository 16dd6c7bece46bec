import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.simulator.log import Log
from ingest.simulator.server.subscription import (
    EventFilter,
    Refused,
    event_filter,
    start_position,
    subscription,
    updated,
)

LIKE = b'{"did":"did:plc:a","commit":{"collection":"app.bsky.feed.like"}}'
POST = b'{"did":"did:plc:b","commit":{"collection":"app.bsky.feed.post"}}'
ACCOUNT = b'{"did":"did:plc:c","kind":"account","account":{}}'


def log_of(*times):
    log = Log(keep=100)
    for time_us in times:
        log.append(time_us, b"{}")
    return log


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "1e15", " 1", "9" * 30, "٣"])
def test_a_cursor_that_is_no_number_is_refused_in_the_servers_words(cursor):
    with pytest.raises(Refused, match=f"invalid cursor: {cursor.strip()}" if cursor != " 1" else "invalid cursor"):
        subscription(f"/subscribe?cursor={cursor}")


@pytest.mark.parametrize("path", ["/subscribe", "/subscribe?cursor="])
def test_without_a_cursor_it_is_the_live_tail(path):
    assert subscription(path).cursor is None


def test_the_position_is_inclusive_clamped_and_the_end_for_the_future():
    base = 10**15
    log = log_of(base + 10, base + 20, base + 20, base + 30)
    positions = {None: 4, 0: 0, base: 0, base + 10: 0, base + 11: 1, base + 20: 1, base + 30: 3, base + 31: 4}
    assert {cursor: start_position(cursor, log, by_seq=False) for cursor in positions} == positions


@given(st.integers(0, 10**15 - 1))
def test_on_the_second_generation_a_small_cursor_is_a_sequence_number(cursor):
    log = log_of(*range(10**15, 10**15 + 10))
    assert start_position(cursor, log, by_seq=True) == max(0, min(cursor - 1, 10))


def test_a_time_stays_a_time_on_the_second_generation():
    assert start_position(10**15 + 3, log_of(*range(10**15, 10**15 + 10)), by_seq=True) == 3


def test_collections_are_exact_names_or_prefixes_and_accounts_always_pass():
    only_likes = event_filter(["app.bsky.feed.like"], [])
    assert [only_likes.includes(frame) for frame in (LIKE, POST, ACCOUNT)] == [True, False, True]
    feed = event_filter(["app.bsky.feed.*", "app.bsky.graph.follow"], [])
    assert [feed.includes(frame) for frame in (LIKE, POST, ACCOUNT)] == [True, True, True]


def test_dids_apply_to_every_kind():
    only_a = event_filter([], ["did:plc:a"])
    assert [only_a.includes(frame) for frame in (LIKE, POST, ACCOUNT)] == [True, False, False]


def test_what_is_no_event_passes_every_filter():
    assert event_filter(["app.bsky.feed.like"], ["did:plc:a"]).includes(b"junk")


def test_empty_wishes_want_all():
    assert event_filter([], []).all()
    assert event_filter([""], [""]).all()


@pytest.mark.parametrize("name", ["like", "app.like", "app.bsky.feed.like/", "app..bsky.like", "app.bsky.feed.1like"])
def test_a_wrong_collection_is_refused_in_the_servers_words(name):
    with pytest.raises(Refused, match=f"invalid subscriber options: invalid collection: {name}"):
        event_filter([name], [])


def test_limits_count_after_dedup():
    names = [f"com.example.c{number}" for number in range(100)]
    assert len(event_filter(names + names, []).collections) == 100
    with pytest.raises(Refused, match="too many wanted collections"):
        event_filter([*names, "com.example.more"], [])
    with pytest.raises(Refused, match="too many wanted DIDs"):
        event_filter([], [f"did:plc:{number}" for number in range(10_001)])


def test_a_message_changes_the_wishes():
    message = '{"type":"options_update","payload":{"wantedCollections":["app.bsky.feed.like"],"maxMessageSizeBytes":1}}'
    assert updated(message) == EventFilter(frozenset(["app.bsky.feed.like"]))
    assert updated('{"type":"options_update","payload":{"wantedCollections":[]}}') == EventFilter()


def test_a_message_of_another_type_is_ignored():
    assert updated('{"type":"hello"}') is None


@pytest.mark.parametrize("message", ["", "junk", "[]", '{"type":"options_update","payload":{"wantedDids":5}}'])
def test_a_message_that_is_none_is_refused(message):
    with pytest.raises(Refused):
        updated(message)
