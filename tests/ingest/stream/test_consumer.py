"""From a real socket into a real Redis, whatever either side does."""

import asyncio
import http
import time
from contextlib import closing
from itertools import pairwise
from threading import Event

import pytest
from structlog.testing import capture_logs

from deploy.local.redis_process import redis_process
from ingest import metrics
from ingest.buffer.entries import Cursor
from ingest.buffer.redis_stream import Buffer, BufferUnsafe
from ingest.simulator.server.faults import Faults
from ingest.simulator.server.jetstream import Options
from ingest.simulator.server.server import running
from ingest.stream import consumer as consumer_module
from ingest.stream import frame_collector, jetstream
from ingest.stream.connection_journal import ConnectionJournal
from tests.builders import delete
from tests.ingest.conftest import until
from tests.ingest.simulator.server.wire_client import BASE, FRAMES
from tests.ingest.stream.observed import LATEST, await_depth, cursor_in, frames_in, hold, said, value
from tests.ingest.stream.scripted import scripted


def test_events_and_the_cursor_after_them_are_in_redis(consuming, redis):
    with running(FRAMES) as server, consuming(server.url):
        await_depth(redis, len(FRAMES))
        assert frames_in(redis) == FRAMES
        assert cursor_in(redis) == Cursor(LATEST, f"127.0.0.1:{server.port}")
        assert value(metrics.CONNECTED) == 1
    assert value(metrics.CONNECTED) == 0
    cursors = [Cursor.decode(fields[b"c"]).time_us for _, fields in redis.xrange("buffer")]
    assert cursors == [BASE + number for number in range(len(FRAMES))], "each entry carries the cursor after it"


def test_the_cursor_is_never_ahead_of_the_buffer(consuming, redis):
    """Looked at in one step, again and again, while events flow."""
    look = redis.register_script(
        "local last = redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)\n"
        "return {redis.call('GET', KEYS[2]) or '', last[1] and last[1][2][4] or ''}"
    )
    looks = []
    frames = [delete(str(number), time_us=BASE + number) for number in range(20_000)]
    with running(frames) as server, consuming(server.url):
        while redis.xlen("buffer") < len(frames):
            looks.append(look(["buffer", "cursor"]))
    assert all(cursor == last for cursor, last in looks)
    assert len({cursor for cursor, _ in looks}) > 2


def test_junk_is_set_aside_and_all_events_come(consuming, redis):
    with running(FRAMES, faults=Faults(junk_every=50, cut_every=70)) as server, consuming(server.url):
        await_depth(redis, len(FRAMES))
        until(lambda: redis.xlen("dead_letters") == 20 + 14, "all junk is set aside")
        assert frames_in(redis) == FRAMES


def test_cuts_lose_nothing(consuming, redis):
    with running(FRAMES, faults=Faults(drop_every=150, drop_replay=2)) as server, consuming(server.url):
        until(lambda: set(frames_in(redis)) == set(FRAMES), "all events, some twice")
        assert server.fired["drop_every"] == 6


def test_a_connection_goes_on_where_redis_is_less_the_rewind(consuming, redis, rows):
    with running(FRAMES) as server, consuming(server.url):
        await_depth(redis, len(FRAMES))
        server.drop()
        until(lambda: len(rows()) == 2, "it is back")
        assert server.requests == ["/subscribe", f"/subscribe?cursor={LATEST - 5_000_000}"]
    first, second = rows()
    assert (first["cursor_asked"], first["first_received"], first["last_received"], first["frames"]) == (
        *(None, BASE, LATEST),
        len(FRAMES),
    )
    assert "no close frame" in first["why_closed"]
    assert second["cursor_asked"] == LATEST - 5_000_000
    assert (second["why_closed"], second["gap_seconds"]) == ("stopped", None)
    assert second["closed_at"]


def test_on_a_server_that_numbers_its_events_we_go_on_by_number(consuming, redis):
    frames = [delete(str(number), time_us=BASE + number) for number in range(10_000)]
    with running(frames, options=Options(port=0, v2=True)) as server, consuming(server.url):
        await_depth(redis, len(frames))
        assert cursor_in(redis).seq == len(frames)
        server.drop()
        until(lambda: len(server.requests) == 2, "it is back")
        assert server.requests[1] == f"/subscribe?cursor={len(frames) - 8_192}"


def test_after_a_loss_of_redis_its_cursor_counts_and_not_our_memory(consuming, tmp_path, rows):
    """The second append is lost with the last second of Redis's log: it must be asked for again."""
    with (
        running(FRAMES[:500]) as server,
        redis_process(tmp_path / "redis", maxmemory="64mb", appendfsync="no") as redis,
        consuming(server.url, own_buffer=Buffer(redis.url)),
        closing(Buffer(redis.url).connect()) as look,
    ):
        until(lambda: look.connect().depth() == 500, "the first half")
        half = LATEST - 500
        server.publish(*(delete(str(n), time_us=BASE + 10**8 + n) for n in range(10)))
        until(lambda: look.depth() == 510, "the second half")
        redis.kill()
        with (next((tmp_path / "redis").rglob("*.incr.aof"))).open("r+b") as log:
            log.truncate(log.read().rindex(b"*1\r\n$5\r\nMULTI"))
        redis.start()
        server.publish(delete("next", time_us=BASE + 2 * 10**8))
        until(lambda: len(server.requests) == 2, "it is back")
        assert server.requests[1] == f"/subscribe?cursor={half - 5_000_000}"
        until(lambda: look.connect().depth() >= 511, "what was lost is there again")
    assert rows()[0]["why_closed"].startswith("Redis went away")


def test_when_redis_is_empty_the_last_commit_counts(consuming, redis):
    checkpoint = Cursor(BASE + 500, "elsewhere")
    with running(FRAMES) as server, consuming(server.url, checkpoint=checkpoint):
        await_depth(redis, 500)
        assert server.requests == [f"/subscribe?cursor={BASE + 500 - 60_000_000}"]


def test_a_flushed_redis_is_noticed_at_the_next_append(consuming, redis):
    checkpoint = Cursor(BASE, "elsewhere")
    with running(FRAMES) as server, consuming(server.url, checkpoint=checkpoint):
        await_depth(redis, len(FRAMES))
        redis.flushall()
        server.publish(delete("next", time_us=LATEST + 1))
        await_depth(redis, len(FRAMES) + 1)
        assert frames_in(redis)[: len(FRAMES)] == FRAMES


def test_a_host_that_refuses_is_told_in_its_own_words_and_the_next_one_is_tried(consuming, redis):
    def refuse(connection, request):
        return connection.respond(http.HTTPStatus.BAD_REQUEST, "invalid cursor: abc")

    with (
        capture_logs() as logs,
        scripted(hold, refuse) as first,
        running(FRAMES) as second,
        consuming(first.url, second.url),
    ):
        await_depth(redis, len(FRAMES))
    assert said(logs, "not connected")[0]["why"].endswith("HTTP 400: invalid cursor: abc")
    assert len(first.requests) == 1


def test_the_host_where_the_cursor_counts_comes_first(consuming, redis):
    with scripted(hold) as other, running(FRAMES) as server:
        redis.set("cursor", Cursor(BASE, f"127.0.0.1:{server.port}").encode())
        with consuming(other.url, server.url):
            await_depth(redis, len(FRAMES))
        assert other.requests == []


def test_a_host_that_falls_silent_is_left_for_another(consuming, redis, monkeypatch, rows):
    monkeypatch.setattr(jetstream, "IDLE_SECONDS", 0.5)

    def play(connection):
        connection.send(FRAMES[len(silent.requests)])
        hold(connection)

    with scripted(play) as silent, running(FRAMES) as server, consuming(silent.url, server.url):
        await_depth(redis, len(FRAMES))
        assert len(silent.requests) == 1
    assert rows()[0]["why_closed"] == "idle: no frame for 0.5 s"


def test_a_host_that_cuts_after_news_is_kept_and_one_without_news_is_not(consuming, redis):
    times = iter(range(100))

    def news(connection):
        for _ in range(1 if len(first.requests) < 4 else 0):
            connection.send(delete("r", time_us=BASE + next(times)))

    with scripted(news) as first, running(FRAMES[100:]) as second, consuming(first.url, second.url):
        await_depth(redis, 3 + len(FRAMES) - 100)
        assert len(first.requests) == 4


def test_the_only_host_is_tried_ever_more_slowly_while_it_refuses(consuming):
    times = []

    def refuse(connection, request):
        times.append(time.monotonic())
        return connection.respond(http.HTTPStatus.SERVICE_UNAVAILABLE, "later")

    with scripted(hold, refuse) as server, consuming(server.url):
        until(lambda: len(times) >= 6, "six attempts")
    for number, (one, next_one) in enumerate(pairwise(times)):
        assert next_one - one >= 0.05 * 2**number, "half of 0.1 s, doubled each time"


def test_a_host_that_repeats_what_we_have_does_not_reset_the_backoff(consuming, redis, monkeypatch):
    begun = []
    original = consumer_module.backoff
    monkeypatch.setattr(consumer_module, "backoff", lambda: begun.append(1) or original())
    with scripted(lambda connection: connection.send(FRAMES[0])) as server, consuming(server.url):
        until(lambda: len(server.requests) >= 5, "five connections")
    # one for the host, one when it brought news; one for each look at Redis
    assert len(begun) <= len(server.requests) + 3


@pytest.mark.parametrize("name", ["maxmemory", "maxmemory-policy"])
def test_an_unsafe_redis_ends_the_consumer_also_when_it_becomes_so(consuming, redis, name):
    with running(FRAMES) as server, consuming(server.url) as work:
        await_depth(redis, len(FRAMES))
        redis.config_set(name, {"maxmemory": "0", "maxmemory-policy": "allkeys-lru"}[name])
        redis.client_kill_filter(skipme=True, _type="normal")
        server.publish(delete("next", time_us=LATEST + 1))
        until(work.ended, "the consumer gives up")
        assert isinstance(work.error, BufferUnsafe)
        assert "deploy/redis.conf" in str(work.error)


def test_while_redis_is_too_full_the_socket_is_closed(consuming, redis, monkeypatch, rows):
    monkeypatch.setattr(consumer_module, "POLL_SECONDS", 0.05)
    paused = value(metrics.PAUSES)
    with running(FRAMES) as server, consuming(server.url, high_water=0.5):
        await_depth(redis, len(FRAMES))
        redis.setrange("ballast", 109_999_999, b"x")
        redis.setrange("more", 29_999_999, b"x")
        server.publish(delete("next", time_us=LATEST + 1))
        until(lambda: value(metrics.PAUSES) > paused, "it pauses")
        connections, depth = len(server.requests), redis.xlen("buffer")
        server.publish(delete("later", time_us=LATEST + 2))
        time.sleep(0.3)
        assert len(server.requests) == connections
        assert redis.xlen("buffer") == depth
        redis.delete("more")
        until(lambda: value(metrics.BUFFER_FILL) < 0.5, "it has looked again")
        assert len(server.requests) == connections, "there is room for little: it waits for more"
        redis.delete("ballast")
        until(lambda: any(b'"later"' in frame for frame in frames_in(redis)), "it goes on")
    assert rows()[0]["why_closed"].startswith("buffer at ")


def test_a_full_redis_keeps_nothing_of_an_append_and_gets_it_later(consuming, redis):
    redis.setrange("ballast", 99_999_999, b"x")
    with running(FRAMES) as server, consuming(server.url, high_water=0.99):
        await_depth(redis, len(FRAMES))
        redis.config_set("maxmemory", "50mb")
        server.publish(delete("next", time_us=LATEST + 1))
        time.sleep(0.3)
        assert cursor_in(redis).time_us == LATEST
        assert redis.xlen("buffer") == len(FRAMES)
        redis.config_set("maxmemory", "256mb")
        until(lambda: cursor_in(redis).time_us == LATEST + 1, "it is there")


def test_a_large_frame_passes(consuming, redis):
    large = delete("x" * 1_500_000, time_us=BASE)
    with running([large, *FRAMES]) as server, consuming(server.url):
        await_depth(redis, 1 + len(FRAMES))
        assert frames_in(redis)[0] == large


def test_it_stops_at_once_on_a_silent_socket(consuming, redis, rows):
    with running(FRAMES) as server, consuming(server.url) as work:
        await_depth(redis, len(FRAMES))
        assert work.stop() < 5
    assert rows()[0]["why_closed"] == "stopped"


def test_it_stops_in_time_while_redis_does_not_answer(consuming, redis, monkeypatch):
    monkeypatch.setattr(consumer_module, "LAST_REPLY_SECONDS", 0.3)
    with running(FRAMES) as server, consuming(server.url) as work:
        await_depth(redis, len(FRAMES))
        redis.client_pause(60_000, all=False)
        server.publish(delete("next", time_us=LATEST + 1))
        time.sleep(0.3)
        seconds = work.stop()
    redis.client_unpause()
    assert seconds < 4


def test_an_append_under_way_is_finished_before_it_stops(redis, redis_server, catalog, monkeypatch):
    entered, append, finished = Event(), Buffer.append, []

    def slow(self, *arguments):
        entered.set()
        time.sleep(0.3)
        finished.append(append(self, *arguments))

    async def run(url):
        journal = ConnectionJournal()
        options = consumer_module.Options([url], (), 0.9, lambda: None)
        task = asyncio.create_task(consumer_module.Consumer(Buffer(redis_server.url), journal, options).run())
        await asyncio.to_thread(entered.wait)
        task.cancel()
        await asyncio.wait([task])
        journal.finish()
        return len(finished)

    monkeypatch.setattr(Buffer, "append", slow)
    with running(FRAMES) as server:
        assert asyncio.run(run(server.url)) == 1
    assert cursor_in(redis).time_us == BASE + redis.xlen("buffer") - 1


def test_a_slow_redis_bounds_what_waits_in_memory(consuming, redis, monkeypatch):
    monkeypatch.setattr(frame_collector, "QUEUE_BYTES", 500_000)
    go_on, append, sizes = Event(), Buffer.append, []

    def stuck(self, events, drops, cursor):
        sizes.append(sum(len(event.frame) for event, _ in events))
        go_on.wait(20)
        return append(self, events, drops, cursor)

    monkeypatch.setattr(Buffer, "append", stuck)
    sent = []

    def play(connection):
        for number in range(200):
            connection.send(delete("x" * 100_000, time_us=BASE + number))
            sent.append(number)
        hold(connection)

    def stands_still():
        before = len(sent)
        time.sleep(0.3)
        return len(sent) == before

    with scripted(play) as server, consuming(server.url):
        until(lambda: sizes and stands_still(), "the host is made to wait, or has sent all")
        assert len(sent) < 200
        go_on.set()
        await_depth(redis, 200)
    assert max(sizes) < frame_collector.BATCH_BYTES + 200_000
