"""inspect_buffer says what waits, and feeds dead letters again."""

import json
from io import StringIO

import pytest
import time_machine
from django.core.management import CommandError, call_command

from ingest.buffer.entries import Cursor
from ingest.buffer.redis_stream import Buffer, BufferFull
from ingest.events import Drop, DropReason
from ingest.management.commands.inspect_buffer import line, position
from ingest.stream.frames import read_frames
from process.instants import iso_us, now_us
from tests.builders import NOON_US, post

CURSOR = Cursor(NOON_US, "jetstream.example", 77)


def inspected(*arguments, **options):
    out = StringIO()
    call_command("inspect_buffer", *arguments, stdout=out, **options)
    return out.getvalue().splitlines()


def append(buffer, *frames, cursor=CURSOR):
    """As the consumer does, but with a cursor that the test knows."""
    read = read_frames(frames, None, "test", now_us())
    buffer.append([(event, cursor) for event, _ in read.events], read.drops, cursor)


def frames(redis):
    return [fields[b"f"] for _, fields in redis.xrange("buffer")]


def test_an_empty_buffer(buffer):
    lines = inspected()
    assert lines[0] == "depth         0 events"
    assert lines[2:] == [
        "oldest        none",
        "newest        none",
        "cursor        none: nothing received since Redis was last empty",
        "lag           unknown",
        "received      0 frames since Redis was last empty; dropped 0",
        "dead letters  0",
    ]


def test_a_buffer_in_use(buffer):
    append(buffer, post("one"), post("two"), b"junk", b"[]", b"{}")
    append(buffer, post("three"), b"more junk")
    with time_machine.travel(NOON_US / 1e6 + 90, tick=False):
        lines = inspected()
    assert lines[0] == "depth         3 events"
    assert "bytes of Redis (" in lines[1]
    assert lines[2].startswith("oldest        ")
    assert "ago, arrived 2" in lines[2]
    assert lines[4:] == [
        "cursor        2026-07-01T12:00:00.000000Z on jetstream.example, seq 77",
        "lag           90.0 s",
        "received      7 frames since Redis was last empty; dropped 4: not_json 2, unknown_kind 2",
        "dead letters  4: not_json 2, unknown_kind 2",
    ]


def test_dead_letters_are_listed_in_printable_form(buffer):
    buffer.set_aside(
        [Drop(b"\x1b[31m\xff\0\n" + "é".encode(), DropReason.NOT_UTF8), Drop(b"x" * 9000, DropReason.NOT_JSON)]
    )
    first, second = inspected("--dead-letters")
    assert r" not_utf8 10 bytes sha256 " in first
    assert first.endswith(r" \x1b[31m\xff\x00\né")
    assert " not_json 9,000 bytes sha256 " in second
    assert second.endswith(" " + "x" * 200 + "…")
    assert inspected("--dead-letters", verbosity=2)[1].endswith(" " + "x" * 4096)


class TestReplay:
    def test_what_is_an_event_by_now_goes_to_the_end_of_the_buffer(self, buffer, redis):
        append(buffer, b"junk", post("waits"))
        events = [post("one"), post("two")]
        buffer.set_aside([Drop(event, DropReason.POISON) for event in events])
        buffer.set_aside([Drop(post("long" * 2000), DropReason.POISON)])
        assert inspected("--replay") == ["2 replayed, 1 still not events, 1 stored in part, which can't be replayed."]
        assert frames(redis)[1:] == events
        assert [letter.reason for letter in buffer.dead_letters()] == ["not_json", "poison"]
        assert inspected("--replay") == ["0 replayed, 1 still not events, 1 stored in part, which can't be replayed."]

    def test_entries_have_the_present_cursor_and_it_stays(self, buffer, redis):
        append(buffer, post("waits"))
        buffer.set_aside([Drop(post("later", time_us=NOON_US + 10**9), DropReason.POISON)])
        inspected("--replay")
        assert [Cursor.decode(fields[b"c"]) for _, fields in redis.xrange("buffer")] == [CURSOR, CURSOR]
        assert Cursor.decode(redis.get("cursor")) == CURSOR

    def test_without_a_cursor_the_entries_say_that_there_is_none(self, buffer, redis):
        buffer.set_aside([Drop(post("one"), DropReason.POISON)])
        inspected("--replay")
        ((_, fields),) = redis.xrange("buffer")
        assert Cursor.decode(fields[b"c"]).time_us == 0
        assert redis.get("cursor") is None

    def test_a_letter_that_is_gone_already_is_not_replayed_again(self, buffer, redis):
        buffer.set_aside([Drop(post("one"), DropReason.POISON)])
        letters = buffer.dead_letters()
        assert (buffer.replay(letters), buffer.replay(letters)) == (1, 0)
        assert len(frames(redis)) == 1

    def test_it_works_in_a_full_redis(self, buffer, redis):
        buffer.set_aside([Drop(post("one"), DropReason.POISON)])
        redis.config_set("maxmemory", "1")
        assert inspected("--replay")[0].startswith("1 replayed")
        assert len(frames(redis)) == 1

    def test_beside_a_running_consumer(self, buffer, redis, redis_server):
        consumer = Buffer(redis_server.url).connect()
        assert consumer.cursor() is None
        append(consumer, post("one"))
        buffer.set_aside([Drop(post("two"), DropReason.POISON)])
        inspected("--replay")
        append(consumer, post("three"))
        assert [json.loads(frame)["commit"]["record"]["text"] for frame in frames(redis)] == ["one", "two", "three"]
        consumer.close()


def test_redis_away_is_one_sentence(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(CommandError, match=r"^Redis at REDIS_URL can't be reached \(.*\): start it, then try again\.$"):
        inspected()


def test_an_unsafe_redis_is_one_sentence(buffer, redis):
    redis.config_set("maxmemory-policy", "allkeys-lru")
    with pytest.raises(CommandError, match="set noeviction"):
        inspected()


def test_totals_survive_the_buffer_and_are_not_kept_where_the_events_are_not(buffer, redis, redis_server):
    append(buffer, post("one"), b"junk")
    buffer.set_aside([Drop(post("one"), DropReason.POISON)])
    redis.config_set("maxmemory", "1")
    with pytest.raises(BufferFull):
        append(buffer, post("two"), b"junk")
    redis.config_set("maxmemory", "256mb")
    again = Buffer(redis_server.url).connect()
    received, dropped = again.totals()
    again.close()
    assert received == 2
    assert dropped == {reason.value: 0 for reason in DropReason} | {"not_json": 1, "poison": 1}


def test_words_for_odd_values(buffer):
    assert iso_us(-(2**63)) == str(-(2**63))
    assert position(Cursor(NOON_US)) == "2026-07-01T12:00:00.000000Z on any host"
    buffer.set_aside([Drop(b"", DropReason.NOT_JSON)])
    assert " not_json 0 bytes sha256 " in line(buffer.dead_letters()[0], 10)
