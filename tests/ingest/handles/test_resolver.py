"""The resolver between a real Redis, a real file and a real HTTP server, and what events tell it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.buffer.redis_stream import Buffer
from ingest.handles.appview import BATCH, AppView
from ingest.handles.lookup import STALE_US
from ingest.handles.resolver import CONFIRM_US, READ, READS, Resolver
from ingest.handles.sightings import Sightings, collect
from ingest.handles.store import Claim, Store
from ingest.stream.frames import read_frames
from process.instants import now_us
from tests.builders import ALICE, BOB, NOON_US, account, delete, frame, identity, like, post
from tests.ingest.handles.appview_server import appview_server, status

LATER = NOON_US + 3_600_000_000


def seen(*frames, now=LATER):
    found = Sightings()
    collect(frames, now, found)
    return found


# --- what events tell ---------------------------------------------------------------------------------------------


def test_authors_are_those_who_post():
    assert seen(post(did=ALICE), like("at://x/y/z", did=BOB), delete("r", did=BOB)).authors == {ALICE}


def test_an_identity_event_tells_the_handle_and_that_something_changed():
    found = seen(identity("Alice.Example", time_us=NOON_US), identity(did=BOB, time_us=NOON_US + 1))
    assert found.claims == [Claim(ALICE, "alice.example", NOON_US)]
    assert found.changed == {ALICE: NOON_US, BOB: NOON_US + 1}


@pytest.mark.parametrize("handle", ["handle.invalid", "no handle"])
def test_an_invalid_handle_is_none(handle):
    assert seen(identity(handle, time_us=NOON_US)).claims == [Claim(ALICE, None, NOON_US)]


def test_an_account_event_tells_of_a_change_and_a_deleted_account_has_no_handle():
    found = seen(account(True, time_us=NOON_US), account(False, "deleted", did=BOB, time_us=NOON_US))
    assert found.changed == {ALICE: NOON_US}
    assert found.claims == [Claim(BOB, None, NOON_US)]


@pytest.mark.parametrize("time_us", [0, -5, 10**30, LATER + 1])
def test_an_impossible_time_counts_as_now(time_us):
    """An event of the far future would hold its handle for good."""
    assert seen(identity("a.example", time_us=time_us)).claims == [Claim(ALICE, "a.example", LATER)]


def test_hostile_frames_tell_nothing():
    hostile = [
        b"junk",
        b"[]",
        b'{"did": "\xff", "time_us": 1}',
        b'{"did":"did:plc:a","time_us":1,"identity":' + b"[" * 9999,
    ]
    found = seen(*hostile, post(did="no did"), frame("identity", {"handle": 5}, did="no did"))
    assert found == Sightings()
    assert seen(frame("identity", {"handle": {"a": [1]}}, time_us=NOON_US)).claims == []


values = st.none() | st.text() | st.integers() | st.sampled_from(["commit", "identity", "deleted", ALICE, "create"])
parts = st.dictionaries(st.sampled_from(["handle", "status", "collection", "operation", "did"]), values) | values
keys = st.sampled_from(["did", "time_us", "kind", "commit", "identity", "account"])


@given(st.binary() | st.dictionaries(keys, parts).map(lambda event: json.dumps(event).encode()))
def test_any_frame_can_be_looked_at(raw):
    for claim in seen(raw).claims:
        assert claim.at <= LATER


# --- the resolver -------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "handles.sqlite3", 5).create()


@pytest.fixture
def server():
    with appview_server() as server:
        server.handles = {ALICE: "alice.example", BOB: "bob.example"}
        yield server


@pytest.fixture
def appview(server):
    return AppView(server.url, seconds=0.5, per_second=1_000_000)


@pytest.fixture
def make(store, redis_server, buffer):
    """Makes resolvers on that store and Redis; their connections end with the test."""
    opened = []

    def make(appview=None, stopping=lambda: False):
        opened.append(Buffer(redis_server.url, 5))
        return Resolver(store, opened[-1], appview, stopping)

    yield make
    for own in opened:
        own.close()


def append(buffer, *frames):
    read = read_frames(frames, None, "test", now_us())
    buffer.append(read.events, read.drops, read.cursor)


def authors(count):
    return [f"did:plc:{number:024}" for number in range(count)]


def test_authors_are_seen_and_asked_about(buffer, make, appview, store, server):
    append(buffer, post(did=ALICE), post(did=ALICE), post(did="did:plc:gone"))
    resolver = make(appview)
    assert resolver.follow() is False
    assert resolver.ask()
    assert server.asked == [[ALICE, "did:plc:gone"]]
    assert store.names([ALICE]) == {ALICE: "alice.example"}
    assert not resolver.ask(), "both are known now: one by its handle, one as having none"
    assert store.figures() == (1, 0, None, 2, {"answered": 1})
    append(buffer, post(did=ALICE), post(did="did:plc:gone"))
    resolver.follow()
    assert not resolver.ask()


def test_it_only_reads_in_the_buffer(buffer, redis, make, appview):
    append(buffer, *(post(did=did) for did in authors(10)))
    before = redis.xrange("buffer"), redis.get("cursor"), redis.hgetall("totals"), set(redis.keys())
    make(appview).follow()
    assert (redis.xrange("buffer"), redis.get("cursor"), redis.hgetall("totals"), set(redis.keys())) == before
    assert redis.xinfo_groups("buffer") == []


def test_a_step_is_bounded_and_the_next_goes_on(buffer, make, appview, store):
    count = READ * READS + 5
    append(buffer, *(post(did=did) for did in authors(count)))
    resolver = make(appview)
    assert resolver.follow() is True
    assert store.figures().waiting == READ * READS
    assert resolver.follow() is False
    assert store.figures().waiting == count


def test_what_was_trimmed_is_passed_over(buffer, redis, make, appview, store):
    append(buffer, post(did=ALICE))
    resolver = make(appview)
    resolver.follow()
    append(buffer, *(post(did=did) for did in authors(50)))
    redis.xtrim("buffer", maxlen=10, approximate=False)
    resolver.follow()
    assert store.figures().waiting == 11


def test_a_redis_that_was_away_is_read_from_its_beginning(buffer, redis, make, appview, store):
    append(buffer, post(did=ALICE))
    resolver = make(appview)
    resolver.follow()
    redis.flushall()
    buffer.connect()
    redis.xadd("buffer", {"f": post(did=BOB), "c": b"1  "}, id="5-1")  # its clock has stepped back
    resolver._buffer.hang_up()
    assert resolver.follow() is False
    assert resolver.failures == 1
    resolver._connect_at = 0.0
    resolver.follow()
    assert sorted(store.due(now_us(), 9)) == sorted([ALICE, BOB])
    assert resolver.failures == 0


def test_a_call_asks_about_25(buffer, make, appview, server):
    append(buffer, *(post(did=did) for did in authors(60)))
    resolver = make(appview)
    resolver.follow()
    while resolver.ask():
        pass
    assert [len(asked) for asked in server.asked] == [BATCH, BATCH, 10]


def test_who_is_looked_at_comes_first_then_who_is_new_then_who_is_known_for_long(buffer, make, appview, store, server):
    old = "did:plc:old"
    with store.transaction():
        store.claim([Claim(old, "old.example", now_us() - STALE_US - 1)])
    append(buffer, *(post(did=did) for did in authors(BATCH)))
    resolver = make(appview)
    resolver.follow()
    with store.transaction():
        store.wait([BOB], 0, now_us())
    while resolver.ask():
        pass
    assert server.asked[0][0] == BOB
    assert [old] == server.asked[-1]
    assert store.names([old]) == {}, "the newest answer counts"


def test_identity_events_are_taken_without_an_appview(buffer, make, store):
    append(buffer, identity("alice.example"), post(did=BOB))
    resolver = make()
    resolver.follow()
    assert not resolver.ask()
    assert store.names([ALICE]) == {ALICE: "alice.example"}
    assert store.figures().waiting == 0, "nobody waits for an answer that never comes"


def test_a_change_of_somebody_known_is_confirmed_a_while_later(buffer, make, appview, store, server):
    earlier = now_us() - 10_000_000
    with store.transaction():
        store.claim([Claim(ALICE, "old.example", earlier)])
    append(buffer, identity("new.example", time_us=earlier + 1), identity(did=BOB, time_us=earlier))
    resolver = make(appview)
    resolver.follow()
    assert store.names([ALICE]) == {ALICE: "new.example"}
    assert not resolver.ask(), "the AppView may not have heard of it yet"
    assert store.due(now_us() + CONFIRM_US, 9) == [ALICE], "of BOB nothing is known, nobody has asked"


def test_an_event_that_was_read_before_changes_nothing(buffer, make, appview, store):
    append(buffer, identity("old.example", time_us=NOON_US))
    with store.transaction():
        store.claim([Claim(ALICE, "alice.example", NOON_US + 1)])
    make(appview).follow()
    assert store.names([ALICE]) == {ALICE: "alice.example"}
    assert store.figures().waiting == 0


def test_who_claims_the_handle_of_another_has_it_until_the_appview_says_otherwise(buffer, make, appview, store, server):
    """A server may say anything of its own accounts."""
    thief = "did:plc:thief"
    with store.transaction():
        store.claim([Claim(ALICE, "alice.example", NOON_US), Claim(thief, None, NOON_US)])
    append(buffer, identity("alice.example", did=thief, time_us=NOON_US + 1))
    resolver = make(appview)
    resolver.follow()
    assert store.names([ALICE, thief]) == {thief: "alice.example"}
    with store.transaction():  # time passes
        store.wait([ALICE, thief], 0, 1)
    assert resolver.ask()
    assert store.names([ALICE, thief]) == {ALICE: "alice.example"}


def test_one_account_that_spoils_every_call_is_found_out(buffer, make, appview, store, server):
    bad = authors(40)[17]
    server.refused = {bad}
    server.handles |= {did: f"h{did[-2:]}.example" for did in authors(40)}
    append(buffer, *(post(did=did) for did in authors(40)))
    resolver = make(appview)
    resolver.follow()
    while resolver.ask():
        pass
    assert set(store.names(authors(40))) == set(authors(40)) - {bad}
    assert store.figures().waiting == 0
    assert len(server.asked) < 30


def test_a_refusal_takes_no_handle_away(make, appview, store, server):
    with store.transaction():
        store.claim([Claim(ALICE, "alice.example", 1)])
    server.refused = {ALICE}
    resolver = make(appview)
    while resolver.ask():
        pass
    assert store.names([ALICE]) == {ALICE: "alice.example"}


def test_a_failure_loses_nobody_and_is_waited_out(buffer, make, appview, store, server):
    append(buffer, post(did=ALICE))
    resolver = make(appview)
    resolver.follow()
    server.faults = [status(502)]
    assert resolver.ask()
    assert resolver.failures == 1
    assert resolver.idle_seconds > 0
    assert not resolver.ask()
    assert store.due(now_us(), 9) == [ALICE]
    appview._closed_until = 0.0
    assert resolver.ask()
    assert store.names([ALICE]) == {ALICE: "alice.example"}
    assert resolver.failures == 0
    assert store.figures().calls == {"failed": 1, "answered": 1}


def test_it_stops_between_replies(buffer, make, appview):
    append(buffer, post(did=ALICE))
    resolver = make(appview, stopping=lambda: True)
    resolver.follow()
    assert resolver.read == 0
