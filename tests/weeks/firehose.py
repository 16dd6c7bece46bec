"""A Jetstream in a process of its own whose events span days: `python -m tests.weeks.firehose FOLDER PLAN`.

It sends as many events as the board allows, moves the compressed clock to each before it sends it, and keeps the log.
"""

import json
import signal
import sys
import threading
import time
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path

from ingest.simulator.server.jetstream import Options
from ingest.simulator.server.server import running
from tests.end_to_end.event_log import Log
from tests.weeks.board import Board
from tests.weeks.events import events

CHUNK = 500  # events that are sent at once
KEPT = 700_000  # events in memory: what a consumer or a Redis that was killed asks for again
AHEAD_US = 20_000  # of the clock before the last event sent: no event comes before its time
POLL_SECONDS = 0.005


@dataclass(frozen=True)
class Plan:
    """So many events over so many days from `start_us` on."""

    events: int
    days: int
    start_us: int
    seed: int = 1

    @property
    def per_second(self) -> float:
        """Of compressed time."""
        return self.events / (self.days * 86_400)

    def command(self, folder: Path) -> list[str]:
        return [sys.executable, "-m", "tests.weeks.firehose", str(folder), json.dumps(asdict(self))]


def send(plan: Plan, board: Board, log: Log, publish) -> None:
    source = events(plan.seed, plan.start_us, plan.per_second)
    while board.sent < plan.events:
        while board.sent >= board.allowed:
            time.sleep(POLL_SECONDS)
        chunk = list(islice(source, min(CHUNK, board.allowed - board.sent)))
        for _, frame in chunk:
            log.append(frame)
        if (newest := chunk[-1][0] + AHEAD_US) > board.now_us:
            board.now_us = newest
        publish(*(frame for _, frame in chunk))
        board.sent += len(chunk)
    log.write()


def main() -> None:
    folder, plan = Path(sys.argv[1]), Plan(**json.loads(sys.argv[2]))
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with running([], options=Options(port=0, keep=KEPT)) as server:
        print(f"listening on {server.url}", flush=True)

        def send_all() -> None:
            try:
                send(plan, Board(folder), Log(folder / "log"), server.publish)
            except BaseException:  # such as a full disk: nobody must wait for the rest
                stop.set()
                raise

        threading.Thread(target=send_all, daemon=True).start()
        stop.wait()


if __name__ == "__main__":
    main()
