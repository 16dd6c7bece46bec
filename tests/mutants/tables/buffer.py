"""Of the frames and the buffer: what is kept, set aside, counted and trimmed."""

from tests.mutants.mutant import Mutant

_REDIS = "ingest/buffer/redis_stream.py"
_TESTS = "tests/ingest/buffer/test_redis_stream.py"

BUFFER = (
    Mutant(
        "cursor-not-watched",
        _REDIS,
        old="self._execute(packed, after=commands.WATCH)",
        new="self._execute(packed)",
        means="Redis was emptied between two appends: the cursor goes on, and what was lost is never fetched again",
        test=f"{_TESTS}::test_an_append_fails_once_someone_else_has_changed_the_cursor",
    ),
    Mutant(
        "errors-inside-a-transaction-ignored",
        _REDIS,
        old="_raise_first_error([*replies, *(done if isinstance(done, list) else ())])",
        new="_raise_first_error(replies)",
        means="an append that Redis refused counts as stored: the cursor passes events that are nowhere",
        test=f"{_TESTS}::test_a_transaction_that_breaks_inside_is_no_success",
    ),
    Mutant(
        "trimmed-one-too-many",
        _REDIS,
        old='b"%b-%d" % (milliseconds, int(number) + 1)',
        new='b"%b-%d" % (milliseconds, int(number) + 2)',
        means="each batch loses the event after its last one",
        test=f"{_TESTS}::test_trim_removes_up_to_the_entry_and_not_the_cursor",
    ),
    Mutant(
        "dead-letters-without-a-bound",
        "ingest/buffer/commands.py",
        old='*(b"XADD", DEAD_LETTERS.encode(), b"MAXLEN", b"%d" % DEAD_LETTERS_KEPT, b"*"),',
        new='*(b"XADD", DEAD_LETTERS.encode(), b"*"),',
        means="a host that sends junk fills Redis until nothing is received any more",
        test=f"{_TESTS}::test_only_the_newest_dead_letters_are_kept",
    ),
    Mutant(
        "dead-letter-of-its-head",
        "ingest/buffer/commands.py",
        old="hashlib.sha256(frame).hexdigest()",
        new="hashlib.sha256(frame[:DEAD_LETTER_HEAD]).hexdigest()",
        means="the hash of a long dead letter proves nothing about what was cut off",
        test="tests/ingest/buffer/test_commands.py::test_a_dead_letter_keeps_the_head_and_the_whole_frame_s_length_and_hash",
    ),
    Mutant(
        "cut-dead-letter-replayed",
        "ingest/buffer/dead_letters.py",
        old="whole = [letter for letter in letters if letter.whole]",
        new="whole = letters",
        means="a replay tells of dead letters that were stored in part as of junk: nobody learns that they are lost",
        test="tests/ingest/buffer/test_inspect_buffer.py::TestReplay::test_what_is_an_event_by_now_goes_to_the_end_of_the_buffer",
    ),
    Mutant(
        "evicting-redis-accepted",
        _REDIS,
        old='(policy := memory["maxmemory_policy"]) != "noeviction"',
        new='(policy := memory["maxmemory_policy"]) == "allkeys-random"',
        means="a Redis that is configured as a cache drops events when it is full",
        test=f"{_TESTS}::test_a_redis_that_may_lose_events_is_refused",
    ),
    Mutant(
        "set-aside-counted-as-received",
        _REDIS,
        old="totals = commands.add_totals(0, kept)",
        new="totals = commands.add_totals(len(kept), kept)",
        means="an event that could not be written is counted twice, and received is more than buffered and dropped",
        test="tests/ingest/buffer/test_redis_stream.py::test_what_is_set_aside_is_not_received_again",
    ),
    Mutant(
        "depth-of-a-frame-from-the-braces-alone",
        "ingest/events.py",
        old="    return max(accumulate(steps)) > MAX_DEPTH\n",
        new="    return True\n",
        means="a post with a thousand facets is set aside as too deep",
        test="tests/ingest/test_events.py::test_how_deep_is_too_deep_depends_on_no_version_of_python",
    ),
    Mutant(
        "bytes-that-are-no-text",
        "ingest/events.py",
        old="            frame.decode()  # msgspec does not look at the bytes of a raw record\n",
        new='            frame.decode(errors="surrogateescape")\n',
        means="a frame that is not UTF-8 enters the lake, and the flusher fails at it again and again",
        test="tests/ingest/test_events.py::test_a_frame_that_is_no_event_is_dropped_with_its_reason",
    ),
    Mutant(
        "delete-without-a-record-dropped",
        "ingest/events.py",
        old='commit.record if commit and (commit.record or commit.operation == "delete") else None',
        new="commit.record if commit and commit.record else None",
        means="deletes are set aside as malformed: what authors have deleted stays on the pages",
        test="tests/ingest/test_events.py::test_the_events_of_the_protocol_are_kept_as_received",
    ),
)
