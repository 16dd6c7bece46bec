"""Signs of life: what each long-running process does now, in a small file beside the catalog.

The main loop says what it does and by when it will say the next thing. A thread rewrites the file as long as that
promise holds, so that a slow disk never delays the loop. The file stops changing when the process is killed or stopped,
and when its loop stands still. docs/decisions/0022-heartbeats.md has the reasons.
"""

import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from django.db.utils import DatabaseError

log = structlog.get_logger("process")

COMMANDS = {  # by the name of the process: what starts it
    "consumer": "consume_jetstream",
    "flusher": "flush_buffer",
    "compactor": "compact_lake",
    "handles": "resolve_handles",
    "maintenance": "maintain_lake",
    "web": "gunicorn",
}
OPTIONAL = ("maintenance",)  # cron may run its jobs instead: that it was never started is no fault
BEAT_SECONDS = 2.0  # between two rewrites of a file
STALE_SECONDS = 10.0  # a file that is older: its process has ended, was stopped, or stands still
PATIENCE_SECONDS = 12.0  # within which a loop promises to come by again, unless it says otherwise
WORK_SECONDS = 900.0  # for a long step of work, as long as it uses the processor
REST_SECONDS = 45.0  # such a step may wait for the disk without using it
CPU_SHARE = 0.02  # of a core; less is what the metrics port takes while the work stands still
REPLY_SECONDS = 5.0  # what is shorter is no wait for another component, but its reply
FILE_BYTES = 4096  # one block, allocated once: it is rewritten in place, also while the disk is full
SHOWN = 400  # characters of a sentence

Word = Mapping[str, Any]  # what a process says of itself: doing, and what else matters of it


class Heartbeat(NamedTuple):
    """`age`: seconds since the last sign of life. `word`: the last one; empty if it could not be written."""

    age: float
    word: Word

    @property
    def stale(self) -> bool:
        return self.age > STALE_SECONDS


class Progress:
    """Whether a main loop keeps its promise. All times are in monotonic seconds, `cpu` in seconds of the processor."""

    def __init__(self, now: float, cpu: float) -> None:
        self._promised = now + PATIENCE_SECONDS
        self._working = False
        self._looked_at = self._used_at = now
        self._cpu = cpu

    def promise(self, now: float, seconds: float, working: bool) -> None:
        """`working`: the promise holds only while the processor is used."""
        self._promised, self._working, self._used_at = now + seconds, working, now

    def look(self, now: float, cpu: float) -> bool:
        """To be called every BEAT_SECONDS; `cpu`: what the process has used so far."""
        if cpu - self._cpu > CPU_SHARE * (now - self._looked_at):
            self._used_at = now
        self._looked_at, self._cpu = now, cpu
        return now < self._promised and (not self._working or now - self._used_at < REST_SECONDS)


class _Process:
    """The process that we are, while it beats."""

    def __init__(self, name: str) -> None:
        self.path = path(name)
        self.word: Word = {"pid": os.getpid(), "started": time.time(), "doing": "starts"}
        self.progress = Progress(time.monotonic(), time.process_time())
        self.over = threading.Event()
        self._lock = threading.Lock()
        self._well = True

    def say(self, news: Word) -> None:
        self.word = {**self.word, **news}  # a new one: the thread may be writing the old one

    def run(self) -> None:
        while not self.over.wait(BEAT_SECONDS):
            if self.progress.look(time.monotonic(), time.process_time()):
                self.write()

    def write(self) -> None:
        try:
            with self._lock:
                _write(self.path, self.word)
            self._well = True
        except OSError as error:
            if self._well:
                log.warning("no heartbeat written", file=str(self.path), error=str(error))
            self._well = False


_process: _Process | None = None  # the one that we are


def start(name: str) -> None:
    """Begins to beat, under one of the names in COMMANDS."""
    global _process  # noqa: PLW0603
    _process = _Process(name)
    _process.write()
    threading.Thread(target=_process.run, name="heartbeat", daemon=True).start()


def beat(doing: str, seconds: float = PATIENCE_SECONDS, waits_for: str = "", **facts: Any) -> None:
    """The main loop says what it does, and promises to come by again within `seconds`. The facts stay until they are
    said anew. `waits_for`: the component of /health/ready without which it can't go on. Costs microseconds; nothing in
    a process that does not beat."""
    if _process is not None:
        _process.say({**facts, "doing": doing, **_waiting(_process.word, waits_for, time.time())})
        _process.progress.promise(time.monotonic(), seconds, working=False)


def work(doing: str) -> None:
    """As beat(), before a step that may take minutes: it beats as long as it uses the processor."""
    if _process is not None:
        _process.say({"doing": doing, **_waiting(_process.word, "", time.time())})
        _process.progress.promise(time.monotonic(), WORK_SECONDS, working=True)


def tell(**facts: Any) -> None:
    """Facts alone, without a promise. Of times: in seconds since 1970."""
    if _process is not None:
        _process.say(facts)


def _waiting(word: Word, waits_for: str, now: float) -> Word:
    """`waits_since`: the beginning of the latest wait. `ready`: the end of the last that was longer than a reply."""
    if waits_for == word.get("waits_for", ""):
        return {}
    if waits_for:
        return {"waits_for": waits_for, "waits_since": now}
    long = now - word.get("waits_since", now) > REPLY_SECONDS
    return {"waits_for": "", **({"ready": now} if long else {})}


def end(error: BaseException | None = None) -> None:
    """The last word: why the process ends; None: it was asked to."""
    global _process
    process, _process = _process, None
    if process is not None:
        process.over.set()
        process.say({"doing": "ended", "error": sentence(error) if error else "", "fault": fault(error)})
        process.write()


@contextmanager
def beating(name: str) -> Iterator[None]:
    """Beats during the block; an exception that leaves it is the last word."""
    start(name)
    try:
        yield
    except BaseException as error:
        end(error)
        raise
    end()


def sentence(error: BaseException) -> str:
    return str(error)[:SHOWN] or type(error).__name__


def fault(error: BaseException | None) -> str:
    """The component of /health/ready that the error blames; empty: none but the process itself."""
    if isinstance(error, DatabaseError) or isinstance(getattr(error, "__cause__", None), DatabaseError):
        return "catalog"
    return str(getattr(error, "component", ""))


def path(name: str) -> Path:
    return Path(f"{settings.DATABASE_PATH}.heartbeats") / f"{name}.json"


def _write(file: Path, word: Word) -> None:
    """In place. On a full disk that has no room for a first block, only the time of the file tells."""
    file.parent.mkdir(exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT, 0o644)
    try:
        with suppress(OSError):
            os.pwrite(descriptor, _encode(word), 0)
        os.utime(descriptor)
    finally:
        os.close(descriptor)


def _encode(word: Word) -> bytes:
    short = {name: value[:SHOWN] if isinstance(value, str) else value for name, value in word.items()}
    text = json.dumps(short).encode()
    return (text if len(text) < FILE_BYTES else b"{}").ljust(FILE_BYTES - 1) + b"\n"


def read(name: str) -> Heartbeat | None:
    """None: there is none, as the process was never started here."""
    file = path(name)
    try:
        age = time.time() - file.stat().st_mtime
        word = _decode(file.read_bytes()) or _decode(file.read_bytes())  # it may be half rewritten
    except OSError:
        return None
    return Heartbeat(max(0.0, age), word)


def _decode(text: bytes) -> Word:
    try:
        word = json.loads(text)
    except ValueError:
        return {}
    return word if isinstance(word, dict) else {}


def ages() -> dict[str, float | None]:
    """Seconds since the last sign of life, by process; None: it was never started here."""
    beats = {name: read(name) for name in COMMANDS}
    return {name: None if found is None else found.age for name, found in beats.items()}
