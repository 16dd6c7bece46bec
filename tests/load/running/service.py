"""The whole service as `make run` starts it, on a folder and ports of its own, and what starts again when it ends."""

import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from deploy.local import environment, preparation
from deploy.local.child import ROOT, Child
from deploy.local.redis_process import RedisProcess
from deploy.local.supervisor import Supervisor
from process.instants import now_us
from tests.load.limits import compose_variables
from tests.load.plan import Plan

FIREHOSE = "firehose"


class Service:
    """`say` gets a line for each restart. The children are in the order in which events pass through them."""

    def __init__(self, folder: Path, plan: Plan, say: Callable[[str], None]) -> None:
        self.folder, self.lake, self.database = folder, folder / "lake", folder / "catalog.sqlite3"
        self.dump = folder / "log.ndjson"
        self._port = environment.free_port()
        self.redis = RedisProcess(folder / "redis", maxmemory=preparation.REDIS_MEMORY["run"])
        self.redis.child.log = folder / "log" / "redis.log"
        self.variables = self._chosen(plan)
        firehose = Child(FIREHOSE, self._firehose(plan), dict(os.environ), folder / "log" / "firehose.log")
        ours = preparation.make_children("run", folder, self.variables, self._port)
        self.children = {child.name: child for child in (firehose, *ours, self.redis.child)}
        self._supervisor = Supervisor(list(self.children.values()), say)
        self._say = say

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.variables['WEB_PORT']}"

    def _chosen(self, plan: Plan) -> dict[str, str]:
        """Nothing of the shell and of .env: a run must be the same for everybody."""
        return (
            environment.dotenv(ROOT / ".env.example")
            | environment.run({}, self.folder)
            | compose_variables()
            | {name: str(environment.free_port()) for name in (*environment.METRICS_PORTS, "WEB_PORT")}
            | {
                "JETSTREAM_URLS": f"ws://127.0.0.1:{self._port}/subscribe",
                "APPVIEW_URL": f"http://127.0.0.1:{self._port}",
                "REDIS_URL": self.redis.url,
                "LOG_FORMAT": "text",
            }
            | plan.settings()
        )

    def _firehose(self, plan: Plan) -> list[str]:
        given = {
            "port": self._port,
            "seed": plan.seed,
            "rate": plan.rate,
            "events": plan.events - plan.spike_events,
            "spike-events": plan.spike_events,
            "spike-at": plan.spike_at,
            "spike-seconds": plan.spike_seconds,
            "dump": self.dump,
        }
        words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
        return [sys.executable, "-m", "tests.load.running.firehose", *words]

    def start(self) -> None:
        self.redis.start()
        self.manage("migrate", "--verbosity", "0")
        self._ask_for_all()
        self._supervisor.start()

    def _ask_for_all(self) -> None:
        """The consumer's first connection begins with the first event, not with the present of its arrival."""
        with closing(sqlite3.connect(self.database, timeout=30)) as database, database:
            database.execute(
                "INSERT INTO ingest_checkpoint (id, time_us, host, seq, saved_at) VALUES (1, ?, '', NULL, ?)",
                (now_us(), "2026-07-01 00:00:00"),
            )

    def manage(self, *arguments: str) -> None:
        """Raises StackError with what the command printed."""
        preparation.manage(self.variables, *arguments)

    def tend(self) -> None:
        """To be called a few times a second."""
        self._supervisor.tend()

    def kill(self, name: str) -> None:
        self.children[name].kill()

    def retire(self, *names: str) -> None:
        """Stops these, in this order, for good."""
        left = [child for name, child in self.children.items() if name not in names]
        self._supervisor = Supervisor(left, self._say)
        for name in names:
            self.children[name].stop(60)

    def stop(self) -> None:
        self._supervisor.stop()
        for child in self.children.values():
            child.kill()
