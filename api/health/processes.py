"""What a process is worth by its heartbeat alone. Imports little, as containers ask every few seconds."""

import time
from collections.abc import Callable
from typing import NamedTuple

from process import heartbeats
from process.heartbeats import COMMANDS, REPLY_SECONDS, Heartbeat, Word

SILENT_SECONDS = 25.0  # the network is never silent for so long
UNREACHABLE_SECONDS = 15.0  # the consumer tries each host within a second or two
FAILED_CALLS = 6  # of the AppView in a row: half a minute


class State(NamedTuple):
    ok: bool
    message: str


def state(name: str, beat: Heartbeat | None, now: float) -> State:
    """`name`: one of heartbeats.COMMANDS. `now`: in seconds since 1970."""
    command = COMMANDS[name]
    if beat is None:
        return State(False, f"{command} was never started with this DATABASE_PATH: start it")
    if ended(beat):
        why = beat.word.get("error") or "it was asked to"
        return State(False, f"{command} ended {_seconds(beat.age)} ago ({why}): start it")
    if beat.stale:
        last = f" (the last thing it said: {beat.word['doing']})" if "doing" in beat.word else ""
        return State(
            False, f"{command} shows no sign of life for {_seconds(beat.age)}{last}: look at its log, restart it"
        )
    if not beat.word:
        return State(True, "lives, but its file can't be read")
    return _OF_WORDS.get(name, _lives)(beat.word, now)


def verdict(name: str) -> State:
    """The state of that process now, from its file; a name that is none is a sentence, too."""
    if name not in COMMANDS:
        return State(False, f"there is no process {name!r}: it is one of {', '.join(COMMANDS)}")
    found = state(name, heartbeats.read(name), time.time())
    return State(found.ok, f"{name}: {found.message}")


def ended(beat: Heartbeat) -> bool:
    return beat.word.get("doing") == "ended"


def victim_of(beat: Heartbeat | None) -> str:
    """The component that the process waits for, or that it has blamed as it ended; empty: none."""
    if beat is None:
        return ""
    return str(beat.word.get("fault" if ended(beat) else "waits_for") or "")


def waited(word: Word, now: float) -> float:
    """Seconds for which it has been waiting for another component."""
    return now - float(word["waits_since"]) if word.get("waits_for") else 0.0


def _lives(word: Word, _now: float) -> State:
    return State(True, str(word.get("doing", "beats")))


def _consumer(word: Word, now: float) -> State:
    if waited(word, now) > REPLY_SECONDS:
        return State(True, str(word["doing"]))
    silent = now - max(float(word.get(name, 0)) for name in ("last_frame", "ready", "started"))
    host = word.get("host", "a host")
    if not word.get("connected"):
        if silent < UNREACHABLE_SECONDS:
            return State(True, f"connects to {host}")
        why = word.get("why_closed", "no answer yet")
        return State(False, f"no Jetstream host can be reached, no frame for {_seconds(silent)} ({host}: {why})")
    if silent < SILENT_SECONDS:
        return State(True, f"connected to {host}, last frame {_seconds(silent)} ago")
    return State(False, f"no frame for {_seconds(silent)}, though connected to {host}")


def _handles(word: Word, now: float) -> State:
    failures = int(word.get("appview_failures", 0))
    if failures < FAILED_CALLS:
        return _lives(word, now)
    return State(False, f"the AppView has not answered {failures} calls in a row: check APPVIEW_URL and the network")


def _seconds(seconds: float) -> str:
    return f"{max(0.0, seconds):,.0f} s"


_OF_WORDS: dict[str, Callable[[Word, float], State]] = {"consumer": _consumer, "handles": _handles}
