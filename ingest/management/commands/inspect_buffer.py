"""`manage.py inspect_buffer`: depth, age and cursor of the buffer, and its dead letters."""

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from ingest.buffer.dead_letters import replay as replay_dead_letters
from ingest.buffer.entries import BufferState, Cursor, DeadLetter, arrival_ms
from ingest.buffer.redis_stream import Buffer, BufferUnavailable
from process.instants import iso_us, now_us

HEAD_SHOWN = 200  # characters of a dead letter; with --verbosity 2 all that is stored
TIMEOUT_SECONDS = 5


class Command(BaseCommand):
    help = "Shows depth, memory, ages, cursor and lag of the buffer; shows dead letters, replays them after a fix."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--dead-letters", action="store_true", help="list the frames that are not events, with the reason"
        )
        parser.add_argument(
            "--replay", action="store_true", help="move dead letters that are events by now to the buffer"
        )

    def handle(self, *args: Any, dead_letters: bool, replay: bool, verbosity: int, **options: Any) -> None:
        buffer = Buffer(settings.REDIS_URL, TIMEOUT_SECONDS)
        try:
            buffer.connect()
            if replay:
                self._write([f"{replay_dead_letters(buffer)}, which can't be replayed."])
            elif dead_letters:
                self._write(line(letter, None if verbosity > 1 else HEAD_SHOWN) for letter in buffer.dead_letters())
            else:
                self._write(summary(buffer, buffer.dead_letters(), now_us()))
        except BufferUnavailable as error:
            raise CommandError(f"Redis at REDIS_URL can't be reached ({error}): start it, then try again.") from error
        finally:
            buffer.close()

    def _write(self, lines: Iterable[str]) -> None:
        for text in lines:
            self.stdout.write(text)


def summary(buffer: Buffer, letters: Sequence[DeadLetter], now: int) -> Iterator[str]:
    """The lines of `inspect_buffer`; `now` in microseconds."""
    state, cursor, totals = buffer.state(), buffer.cursor(), buffer.totals()
    yield f"depth         {state.depth:,} events"
    yield f"memory        {state.memory:,} of {state.max_memory:,} bytes of Redis ({state.fill:.1%})"
    yield from ages(state, now)
    yield f"cursor        {position(cursor)}"
    yield f"lag           {seconds(now - cursor.time_us) if cursor else 'unknown'}"
    yield f"received      {totals.received:,} frames since Redis was last empty; dropped {counts(totals.dropped)}"
    yield f"dead letters  {counts(Counter(letter.reason for letter in letters))}"


def ages(state: BufferState, now: int) -> Iterator[str]:
    for name, ms in (("oldest", state.oldest_ms), ("newest", state.newest_ms)):
        text = "none" if ms is None else f"{seconds(now - ms * 1000)} ago, arrived {iso_us(ms * 1000)}"
        yield f"{name:<14}{text}"


def position(cursor: Cursor | None) -> str:
    if cursor is None:
        return "none: nothing received since Redis was last empty"
    seq = "" if cursor.seq is None else f", seq {cursor.seq}"
    return f"{iso_us(cursor.time_us)} on {cursor.host or 'any host'}{seq}"


def counts(numbers: dict[str, int]) -> str:
    """`3: malformed 2, not_json 1`."""
    listed = ", ".join(f"{name} {number:,}" for name, number in sorted(numbers.items()) if number)
    return f"{sum(numbers.values()):,}{': ' + listed if listed else ''}"


def seconds(us: int) -> str:
    return f"{us / 1e6:,.1f} s"


def line(letter: DeadLetter, shown: int | None) -> str:
    """One dead letter, its head as printable text of at most `shown` characters."""
    text = letter.head.decode(errors="backslashreplace")
    printable = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    head = printable if shown is None or len(printable) <= shown else f"{printable[:shown]}…"
    arrived = iso_us(arrival_ms(letter.id) * 1000)
    return f"{arrived} {letter.reason} {letter.length:,} bytes sha256 {letter.sha256} {head}"
