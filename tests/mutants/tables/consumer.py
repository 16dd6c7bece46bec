"""Of the consumer: from the socket to Redis, and where it resumes."""

from tests.mutants.mutant import Mutant

_STREAM = "ingest/stream"
_TESTS = "tests/ingest/stream"

CONSUMER = (
    Mutant(
        "cursor-ahead-of-now",
        f"{_STREAM}/frames.py",
        old="    if time_us > now:\n",
        new="    if time_us > now + AHEAD_US:\n",
        means="after a reconnect, events are skipped because one host's clock was a minute ahead",
        test=f"{_TESTS}/test_frames.py::test_the_cursor_is_the_highest_plausible_time_and_never_ahead_of_now",
    ),
    Mutant(
        "cursor-of-the-latest-event",
        f"{_STREAM}/frames.py",
        old="time_us < latest or not is_plausible(event, now)",
        new="not is_plausible(event, now)",
        means="an event that comes out of order takes the cursor back, and everything after it is fetched again",
        test=f"{_TESTS}/test_frames.py::test_each_event_carries_the_cursor_after_it_and_drops_move_nothing",
    ),
    Mutant(
        "cursor-of-the-batch-in-each-entry",
        f"{_STREAM}/consumer.py",
        old="(self._buffer.append, batch.events, batch.drops,",
        new="(self._buffer.append, [(e, batch.cursor or c) for e, c in batch.events], batch.drops,",
        means="a batch that ends amid an append commits a cursor beyond its data, which a loss of Redis makes a gap",
        test=f"{_TESTS}/test_consumer.py::test_events_and_the_cursor_after_them_are_in_redis",
    ),
    Mutant(
        "cursor-not-rewound",
        f"{_STREAM}/subscribe_request.py",
        old="REWIND_US = 5_000_000",
        new="REWIND_US = 0",
        means="events that the server loses between its replay and the live tail are never asked for again",
        test=f"{_TESTS}/test_subscribe_request.py::test_a_time_is_rewound_more_on_another_host",
    ),
    Mutant(
        "seq-asked-of-another-host",
        f"{_STREAM}/subscribe_request.py",
        old="    if same_host and cursor.seq is not None:\n",
        new="    if cursor.seq is not None:\n",
        means="after a change of the host, its numbers are asked of a host that counts otherwise: hours are skipped",
        test=f"{_TESTS}/test_subscribe_request.py::test_a_seq_is_rewound_and_used_on_its_own_host_only",
    ),
    Mutant(
        "reconnect-from-now",
        f"{_STREAM}/consumer.py",
        old="return await self._in_thread(self._buffer.cursor) or await self._in_thread(self._options.checkpoint)",
        new="return await self._in_thread(self._buffer.cursor)",
        means="when Redis has lost everything, the consumer goes on from now and leaves a gap",
        test=f"{_TESTS}/test_consumer.py::test_when_redis_is_empty_the_last_commit_counts",
    ),
    Mutant(
        "reconnect-from-memory",
        f"{_STREAM}/consumer.py",
        old="            cursor = await self._resume()\n",
        new="            cursor = await self._resume() and cursor\n",
        means="Redis came back without its newest events, and they are not fetched again",
        test=f"{_TESTS}/test_consumer.py::test_after_a_loss_of_redis_its_cursor_counts_and_not_our_memory",
    ),
    Mutant(
        "full-buffer-not-heeded",
        f"{_STREAM}/consumer.py",
        old="            if fill >= self._options.high_water:\n",
        new="            if fill > 1:\n",
        means="the consumer fills Redis to the brim, and the flusher has no room to set aside what it can't write",
        test=f"{_TESTS}/test_consumer.py::test_while_redis_is_too_full_the_socket_is_closed",
    ),
    Mutant(
        "resumed-above-low-water",
        f"{_STREAM}/consumer.py",
        old="LOW_WATER = 0.75",
        new="LOW_WATER = 1.0",
        means="at the high-water mark the consumer connects and hangs up many times a minute",
        test=f"{_TESTS}/test_consumer.py::test_while_redis_is_too_full_the_socket_is_closed",
    ),
    Mutant(
        "queue-without-a-bound",
        f"{_STREAM}/frame_collector.py",
        old="if self._held > QUEUE_BYTES and self._frames:",
        new="if self._held > QUEUE_BYTES and self._parts:",
        means="while Redis is slow the consumer takes all of the machine's memory",
        test=f"{_TESTS}/test_frame_collector.py::test_reading_stops_above_the_queue_s_limit_and_goes_on_once_frames_are_taken",
    ),
    Mutant(
        "first-part-of-a-message-dropped",
        f"{_STREAM}/frame_collector.py",
        old="        if event.fin and not self._parts:\n",
        new="        if event.fin:\n",
        means="a large post that comes in several websocket frames is set aside as junk",
        test=f"{_TESTS}/test_jetstream.py::test_text_binary_empty_and_fragmented_messages_are_frames",
    ),
    Mutant(
        "gap-one-microsecond-late",
        f"{_STREAM}/connection_progress.py",
        old="first - expected > GAP_US",
        new="first - expected >= GAP_US",
        means="a connection without a loss is counted as a gap, and an operator is woken",
        test=f"{_TESTS}/test_connection_progress.py::test_a_first_event_over_60_s_after_what_was_asked_is_a_gap",
    ),
    Mutant(
        "killed-consumer-ends-now",
        f"{_STREAM}/connection_journal.py",
        old='closed_at=F("saved_at")',
        new="closed_at=datetime.now(UTC)",
        means="the coverage says that data came while the consumer was dead",
        test=f"{_TESTS}/test_connection_journal.py::test_the_next_start_closes_what_a_killed_consumer_left_open_where_it_was_last_saved",
    ),
)
