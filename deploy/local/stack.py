"""`make demo` and `make run`: the whole service in one terminal, until Ctrl-C.

1. A redis-server of its own unless REDIS_URL is set, then the migrations (demo: and an admin with a new password).
2. The processes, each with its log file. One that ends is started again; one that can't start stops the stack.
3. They stop in the order in which events pass through them, so that the last flush has all that was received.
"""

import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from deploy.local import environment, live_line
from deploy.local.child import ROOT
from deploy.local.health_watch import HealthWatch
from deploy.local.messages import by_hand, farewell, welcome
from deploy.local.preparation import StackError, make_children, manage, new_admin, refuse_taken_port, start_redis
from deploy.local.redis_process import RedisError
from deploy.local.screen import Screen
from deploy.local.supervisor import GaveUpError, Supervisor
from process.locks import Locked, exclusive
from process.secret_files import SecretFileError


class StopRequest:
    """Ctrl-C, SIGTERM or a closed terminal. A plain flag: an Event could deadlock in a signal handler."""

    def __init__(self) -> None:
        self.made = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._make)

    def _make(self, *_: object) -> None:
        self.made = True


def main() -> int:
    name = sys.argv[1]
    folder = ROOT / "var" / name
    try:
        with only_one(folder):
            run(name, folder, Screen())
    except (StackError, GaveUpError, RedisError, SecretFileError) as error:
        print(f"make {name}: {error}", file=sys.stderr)
        return 1
    return 0


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Holds the lock of the folder; the lock file has our process id."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "lock"
    with ExitStack() as held:
        try:
            lock = held.enter_context(exclusive(path))
        except Locked:
            stop = f"stop it with Ctrl-C in its terminal, or: kill {path.read_text().strip()}"
            raise StackError(f"one is running already in {folder}: {stop}") from None
        lock.truncate(0)
        print(os.getpid(), file=lock, flush=True)
        yield


def run(name: str, folder: Path, screen: Screen) -> None:
    stop = StopRequest()
    simulator_port = environment.free_port()
    chosen = environment.choose(name, folder, simulator_port)
    refuse_taken_port(chosen["WEB_PORT"], name)
    redis = None if "REDIS_URL" in chosen else start_redis(name, folder)
    if redis:
        chosen["REDIS_URL"] = redis.url
    environment.write_private(folder / "env", environment.shell_lines(chosen))
    children = make_children(name, folder, chosen, simulator_port)
    supervisor = Supervisor([*children, *([redis.child] if redis else [])], screen.say)
    try:
        manage(chosen, "migrate", "--verbosity", "0")
        admin = new_admin(chosen) if name == "demo" else f"first: {by_hand(folder, 'createsuperuser')}"
        supervisor.start()
        watch(supervisor, screen, stop, chosen, welcome(folder, chosen["WEB_PORT"], admin))
    finally:
        screen.end_line()
        screen.say("Stopping, in this order: " + ", ".join(child.name for child in supervisor.children))
        supervisor.stop()
        screen.say(farewell(name, folder))


def watch(supervisor: Supervisor, screen: Screen, stop: StopRequest, chosen: Mapping[str, str], ready: str) -> None:
    before, read_at = live_line.Reading(), time.monotonic()
    health = HealthWatch(int(chosen["WEB_PORT"]), environment.allowed_host())
    consumer, flusher = int(chosen["METRICS_PORT_CONSUMER"]), int(chosen["METRICS_PORT_FLUSHER"])
    while not stop.made:
        supervisor.tend()
        if ready and accepts(int(chosen["WEB_PORT"])):
            screen.say(ready)
            ready = ""
            health.start()
        if not ready and screen.wants_line:
            now, now_at = live_line.read(live_line.fetch(consumer), live_line.fetch(flusher)), time.monotonic()
            screen.show_line(live_line.text(now, before, now_at - read_at, health.faults))
            before, read_at = now, now_at
        time.sleep(0.2)


def accepts(port: int) -> bool:
    with socket.socket() as connection:
        connection.settimeout(0.5)
        return connection.connect_ex(("127.0.0.1", port)) == 0


if __name__ == "__main__":
    sys.exit(main())
