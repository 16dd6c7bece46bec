"""The buffer against a real Redis."""

import threading
import time

import pytest
import redis as redis_client
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from deploy.local.redis_process import redis_process
from ingest.buffer.commands import CURSOR, DEAD_LETTER_HEAD, DEAD_LETTERS, DEAD_LETTERS_KEPT, STREAM, TOTALS
from ingest.buffer.entries import Cursor, arrival_ms
from ingest.buffer.redis_stream import Buffer, BufferFull, BufferUnavailable, BufferUnsafe
from ingest.events import Drop, DropReason, Event
from tests.builders import NOON_US
from tests.redis_refusals import accept_writes, refuse_writes

AFTER = Cursor(NOON_US, "one.example.com", 7)


def events(*frames, after=AFTER):
    return [(Event(frame, "commit", NOON_US, None, "", None, Raw(b"")), after) for frame in frames]


def frames_in(buffer):
    newest = buffer.newest_id()
    return buffer.read(None, newest, 10**6, 10**9).frames if newest else []


@given(st.builds(Cursor, st.integers(), st.from_regex(r"\A[a-z0-9.:-]*\Z"), st.none() | st.integers()))
def test_a_cursor_comes_back_from_its_text(cursor):
    assert Cursor.decode(cursor.encode()) == cursor


def test_events_cursor_and_dead_letters_go_in_together(buffer):
    fill = buffer.append(events(b"a", b"b\0\r\n"), [Drop(b"junk", DropReason.NOT_JSON)], AFTER)
    assert frames_in(buffer) == [b"a", b"b\0\r\n"]
    assert buffer.cursor() == AFTER
    assert [(letter.reason, letter.head, letter.whole) for letter in buffer.dead_letters()] == [
        ("not_json", b"junk", True)
    ]
    assert 0 < fill < 1
    assert (buffer.totals().received, buffer.totals().dropped["not_json"]) == (3, 1)


def test_each_entry_carries_the_cursor_after_it_and_its_arrival(buffer):
    before = int(time.time() * 1000)
    buffer.append(events(b"a", after=Cursor(1, "h")) + events(b"b", after=Cursor(2, "h", 5)), [], AFTER)
    entries = buffer.read(None, buffer.newest_id(), 10, 1000)
    assert [Cursor.decode(text) for text in entries.cursors] == [Cursor(1, "h"), Cursor(2, "h", 5)]
    assert before <= arrival_ms(entries.ids[0]) <= time.time() * 1000


def test_a_new_redis_has_no_cursor_and_an_append_may_leave_it_so(buffer):
    assert buffer.cursor() is None
    buffer.append(events(b"a"), [], None)
    assert buffer.cursor() is None
    assert buffer.newest_id()


def test_a_full_redis_refuses_all_of_an_append(buffer, redis):
    buffer.append(events(b"kept"), [], AFTER)
    redis.config_set("maxmemory", redis.info("memory")["used_memory"] + 3_000_000)
    with pytest.raises(BufferFull):
        buffer.append(events(*[b"x" * 1_000_000] * 5), [Drop(b"junk", DropReason.NOT_JSON)], Cursor(NOON_US + 1, "h"))
    assert frames_in(buffer) == [b"kept"]
    assert buffer.cursor() == AFTER
    assert buffer.dead_letters() == []
    redis.config_set("maxmemory", "256mb")
    buffer.append(events(b"again"), [], AFTER)
    assert frames_in(buffer) == [b"kept", b"again"]


def test_an_append_fails_once_someone_else_has_changed_the_cursor(buffer, redis):
    buffer.append(events(b"a"), [], AFTER)
    redis.flushall()
    with pytest.raises(BufferUnavailable, match="lost data"):
        buffer.append(events(b"b"), [], AFTER)
    assert redis.keys() == []
    assert buffer.connect().cursor() is None


@pytest.mark.parametrize(
    ("name", "value", "says"), [("maxmemory", "0", "maxmemory"), ("maxmemory-policy", "allkeys-lru", "noeviction")]
)
def test_a_redis_that_may_lose_events_is_refused(buffer, redis, name, value, says):
    redis.config_set(name, value)
    with pytest.raises(BufferUnsafe, match=says):
        buffer.connect()


@pytest.mark.parametrize("key", [STREAM, CURSOR, DEAD_LETTERS, TOTALS])
def test_a_redis_with_strange_keys_of_our_names_is_refused(buffer, redis, key):
    redis.lpush(key, "somebody's")
    with pytest.raises(BufferUnsafe, match=f"list named {key}"):
        buffer.connect()


def test_a_transaction_that_breaks_inside_is_no_success(buffer, redis):
    redis.set(STREAM, "somebody's")
    with pytest.raises(redis_client.ResponseError):
        buffer.append(events(b"a"), [], AFTER)


def test_a_lost_connection_is_told_and_stays_lost_until_connect(buffer, redis):
    buffer.append(events(b"a"), [], AFTER)
    redis.client_kill_filter(skipme=True, _type="normal")
    with pytest.raises(BufferUnavailable):
        buffer.append(events(b"b"), [], AFTER)
    for ask in (buffer.depth, buffer.fill, buffer.cursor, buffer.newest_id, buffer.dead_letters):
        with pytest.raises(BufferUnavailable, match="not connected"):
            ask()
    assert frames_in(buffer.connect()) == [b"a"]


def test_a_redis_that_is_killed_and_comes_back(tmp_path):
    with redis_process(tmp_path, maxmemory="64mb") as server:
        buffer = Buffer(server.url).connect()
        server.kill()
        with pytest.raises(BufferUnavailable):
            buffer.append(events(b"a"), [], AFTER)
        with pytest.raises(BufferUnavailable):
            buffer.connect()
        server.start()
        with pytest.raises(BufferUnavailable, match="not connected"):
            buffer.depth()
        buffer.connect().append(events(b"a"), [], AFTER)
        assert frames_in(buffer) == [b"a"]
        buffer.close()


def test_a_redis_that_does_not_answer_is_unavailable(redis, redis_server):
    buffer = Buffer(redis_server.url, timeout=0.2).connect()
    redis.client_pause(60_000, all=False)
    with pytest.raises(BufferUnavailable):
        buffer.append(events(b"a"), [], AFTER)
    redis.client_unpause()


def test_hanging_up_ends_the_wait_of_another_thread(buffer, redis):
    redis.client_pause(60_000, all=False)
    threading.Timer(0.1, buffer.hang_up).start()
    began = time.monotonic()
    with pytest.raises(BufferUnavailable):
        buffer.append(events(b"a"), [], AFTER)
    redis.client_unpause()
    assert time.monotonic() - began < 5


def test_a_read_is_bounded_in_entries(buffer):
    buffer.append(events(*(b"%d" % number for number in range(600))), [], AFTER)
    newest = buffer.newest_id()
    assert len(buffer.read(None, newest, 500, 10**9)) == 500
    first = buffer.read(None, newest, 300, 10**9)
    assert buffer.read(first.ids[-1], newest, 10**6, 10**9).frames == [b"%d" % number for number in range(300, 600)]


def test_a_read_is_bounded_in_bytes(buffer, monkeypatch):
    monkeypatch.setattr("ingest.buffer.redis_stream.READ_STEP", 4)
    buffer.append(events(*[b"x" * 1000] * 40), [], AFTER)
    assert len(buffer.read(None, buffer.newest_id(), 10**6, 10_000)) == 12


def test_a_read_ends_at_the_entry_that_it_is_given(buffer):
    buffer.append(events(b"a", b"b"), [], AFTER)
    until = buffer.newest_id()
    buffer.append(events(b"c"), [], AFTER)
    assert buffer.read(None, until, 10, 1000).frames == [b"a", b"b"]


def test_trim_removes_up_to_the_entry_and_not_the_cursor(buffer):
    buffer.append(events(b"a", b"b", b"c"), [], AFTER)
    ids = buffer.read(None, buffer.newest_id(), 10, 1000).ids
    assert buffer.trim(ids[1]) == 2
    assert frames_in(buffer) == [b"c"]
    assert buffer.trim(ids[1]) == 0
    assert buffer.cursor() == AFTER


def test_a_dead_letter_holds_the_head_and_what_proves_the_rest(buffer):
    buffer.append([], [Drop(b"x" * (DEAD_LETTER_HEAD + 1), DropReason.TOO_DEEP)], None)
    letter = buffer.dead_letters()[0]
    assert (len(letter.head), letter.length, letter.whole, letter.reason) == (4096, 4097, False, "too_deep")
    assert len(letter.sha256) == 64


def test_what_is_set_aside_is_not_received_again(buffer):
    buffer.append(events(b"a", b"b"), [], AFTER)
    buffer.set_aside([Drop(b"b", DropReason.POISON)])
    assert (buffer.totals().received, buffer.totals().dropped["poison"]) == (2, 1)


def test_only_the_newest_dead_letters_are_kept(buffer):
    buffer.set_aside(Drop(b"%d" % number, DropReason.NOT_JSON) for number in range(DEAD_LETTERS_KEPT + 5))
    letters = buffer.dead_letters()
    assert len(letters) == DEAD_LETTERS_KEPT == 10_000
    assert (letters[0].head, letters[-1].head) == (b"5", b"10004")


def test_the_state_tells_depth_ages_and_memory(buffer):
    assert buffer.state().oldest_ms is None
    buffer.append(events(b"a", b"b"), [Drop(b"", DropReason.NOT_JSON)], AFTER)
    state = buffer.state()
    assert (state.depth, state.dead_letters, state.max_memory) == (2, 1, 256 * 2**20)
    assert 0 < state.fill < 1
    assert state.oldest_ms <= state.newest_ms


def test_a_redis_that_refuses_writes_is_unavailable_until_it_takes_them_again(tmp_path):
    with redis_process(tmp_path, maxmemory="64mb") as server:
        buffer = Buffer(server.url).connect()
        buffer.append(events(b"a"), [], AFTER)
        refused = refuse_writes(server)
        last = buffer.newest_id()
        for write in (
            lambda: buffer.append(events(b"b"), [], AFTER),
            lambda: buffer.trim(last),
            lambda: buffer.set_aside([Drop(b"junk", DropReason.POISON)]),
        ):
            with pytest.raises(BufferUnavailable, match="refuses to write: MISCONF"):
                write()
        assert frames_in(buffer) == [b"a"]
        accept_writes(refused)
        buffer.append(events(b"b"), [], AFTER)
        assert buffer.trim(last) == 1
        assert frames_in(buffer) == [b"b"]
