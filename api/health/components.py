"""The verdict on each component. Pure: from readings alone. At fault is who must be mended, not who waits for it."""

from collections.abc import Mapping
from typing import NamedTuple

from api.health import processes
from api.health.processes import State
from process.heartbeats import Heartbeat

LOST_SECONDS = 30.0  # for which a process may wait for what the web process can reach
WRITERS = ("flusher", "compactor")


class BufferReading(NamedTuple):
    """`error`: why it can't be read; empty: it can. `oldest`: seconds that its first event has waited; None: empty."""

    error: str = ""
    depth: int = 0
    fill: float = 0.0
    oldest: float | None = None


class CatalogReading(NamedTuple):
    """`unreadable`: searches can't be answered. `refuses`: it can be read, and takes no writes. `failed`: the error of
    the latest batch, if that has failed. `last_batch`: its age in seconds; None: there was none."""

    unreadable: str = ""
    refuses: str = ""
    files: int = 0
    failed: str = ""
    last_batch: float | None = None


class LakeReading(NamedTuple):
    """`unreadable`: searches can't be answered. `disk`: why it takes no files. `note`: for the operator, no fault."""

    unreadable: str = ""
    disk: str = ""
    note: str = ""


class Readings(NamedTuple):
    """`now`: in seconds since 1970. `engine`: why DuckDB can't read the newest post."""

    now: float
    beats: Mapping[str, Heartbeat | None]
    buffer: BufferReading
    catalog: CatalogReading
    lake: LakeReading
    engine: str
    flush_seconds: float
    high_water: float
    asks_appview: bool

    def process(self, name: str) -> State:
        """Heartbeats lie beside the catalog. Where it takes no writes, they may be old though all processes live; that
        of the web process, which asks, is then as old."""
        beat, own = self.beats.get(name), self.beats.get("web")
        if beat and own and own.stale and (self.catalog.unreadable or self.catalog.refuses):
            beat = beat._replace(age=max(0.0, beat.age - own.age))
        return processes.state(name, beat, self.now)

    @property
    def searchable(self) -> bool:
        return not (self.catalog.unreadable or self.lake.unreadable or self.engine)

    @property
    def limit(self) -> float:
        """Seconds after which what was received must be searchable."""
        return 2 * self.flush_seconds + 60


def verdicts(readings: Readings) -> dict[str, State]:
    """By component, in the order in which the operator asks."""
    catalog, lake = _catalog(readings), _lake(readings)
    reachable = State(not readings.buffer.error, readings.buffer.error)
    roots = {"catalog": catalog, "lake": lake, "buffer": reachable}
    bad = {name for name, root in roots.items() if not root.ok}
    flusher = _flusher(readings, bad)
    return {
        "stream": _stream(readings, bad),
        "buffer": _buffer(readings, flusher) if reachable.ok else reachable,
        "flusher": flusher,
        "compactor": _excused(readings, "compactor", bad),
        "handles": _handles(readings, bad),
        "lake": lake,
        "catalog": catalog,
        "engine": State(not readings.engine, readings.engine or "answers"),
    }


def _catalog(readings: Readings) -> State:
    error = readings.catalog.unreadable or readings.catalog.refuses
    return State(not error, error or f"{readings.catalog.files:,} files")


def _lake(readings: Readings) -> State:
    lake = readings.lake
    error = (
        lake.unreadable or lake.disk or next(filter(None, (_told(readings.beats.get(name)) for name in WRITERS)), "")
    )
    return State(not error, error or lake.note or "mounted")


def _told(beat: Heartbeat | None) -> str:
    """What a writer says of the lake, with its last word too: it ends when it can't write."""
    if beat is None:
        return ""
    if processes.ended(beat):
        return str(beat.word.get("error", "")) if beat.word.get("fault") == "lake" else ""
    return "" if beat.stale else str(beat.word.get("lake", ""))


def _excused(readings: Readings, name: str, bad: set[str]) -> State:
    """The state of a process; it is no fault to wait for another one, or to have ended because of it."""
    state, blamed = readings.process(name), processes.victim_of(readings.beats.get(name))
    return State(True, f"waits for the {blamed}, which is at fault") if blamed in bad else state


def _stream(readings: Readings, bad: set[str]) -> State:
    state, beat = _excused(readings, "consumer", bad), readings.beats.get("consumer")
    if not state.ok or beat is None or readings.buffer.error:
        return state
    waited = processes.waited(beat.word, readings.now)
    if readings.buffer.fill >= readings.high_water / 2 or waited < LOST_SECONDS:
        return state
    return State(False, f"waits for {waited:,.0f} s for Redis, which the web process can reach: {state.message}")


def _flusher(readings: Readings, bad: set[str]) -> State:
    state, catalog = _excused(readings, "flusher", bad), readings.catalog
    if not state.ok or bad:
        return state
    if catalog.failed and _since_start(readings, "flusher", catalog.last_batch or 0.0):
        return State(False, f"the latest batch has failed: {catalog.failed}")
    oldest, last = readings.buffer.oldest, catalog.last_batch
    if oldest is not None and oldest > readings.limit and (last is None or last > readings.limit):
        return State(False, f"the oldest event in the buffer has waited for {oldest:,.0f} s: look at the flusher's log")
    return State(True, state.message if last is None else f"{state.message}, latest batch {last:,.0f} s ago")


def _since_start(readings: Readings, name: str, age: float) -> bool:
    """Whether what is so old happened to the process that runs now."""
    beat = readings.beats.get(name)
    return beat is not None and readings.now - age >= float(beat.word.get("started", 0))


def _buffer(readings: Readings, flusher: State) -> State:
    buffer = readings.buffer
    held = f"{buffer.depth:,} events, {buffer.fill:.0%} of Redis's memory"
    if buffer.fill < readings.high_water:
        return State(True, held)
    if not flusher.ok:
        return State(True, f"{held}: it is full because of the flusher")
    return State(False, f"{held}: full, the consumer waits. Give Redis more memory, or look at the flusher's log")


def _handles(readings: Readings, bad: set[str]) -> State:
    if not readings.asks_appview:
        return State(True, "APPVIEW_URL is empty: nobody is asked")
    return _excused(readings, "handles", bad)
