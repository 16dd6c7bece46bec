"""One run: the service starts, people come, faults happen in their midst, all drains, and the lake is compared.

What it measures is in the run's folder: run.json, samples.ndjson, requests.ndjson. The report is made of these alone.
"""

import json
import os
import platform
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

from deploy.local.child import ROOT, Child
from deploy.local.preparation import StackError
from tests.end_to_end.evidence import Lake
from tests.load.plan import Plan
from tests.load.running.comparing import compare
from tests.load.running.sampler import Sampler
from tests.load.running.service import Service

START_SECONDS = 120.0
DRAIN_SECONDS = 300.0
EVENT_BYTES = 1_200  # on the disk: in the log, the lake, Redis's own log, and the comparison
REQUEST_SECONDS = 900.0
PEOPLE = Path("tests/load/people.py")


class Campaign:
    """Raises StackError where there is no room for it, or an earlier run."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan, self.folder = plan, folder
        if folder.exists():
            raise StackError(f"{folder} is there already: name a new folder for the run.")
        folder.mkdir(parents=True)
        needed = plan.events * EVENT_BYTES
        if (free := shutil.disk_usage(folder).free) < needed:
            raise StackError(f"{folder} has {free / 1e9:.1f} GB left, this run needs {needed / 1e9:.1f} GB.")
        self.service = Service(folder, plan, self.say)
        self.people = self._people()
        self.sampler = Sampler(self.service, folder / "samples.ndjson", self._sessions)
        self.record: dict[str, Any] = {"plan": plan.described(), "machine": machine(), "said": [], "kills": []}
        self._began = time.time()

    def say(self, line: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {line.splitlines()[0]}", flush=True)
        self.record["said"].append([time.time(), line])

    def _people(self) -> Child:
        command = [sys.executable, "-m", "locust", "--headless", "--only-summary", "-f", str(PEOPLE)]
        given = {"users": self.plan.users, "spawn-rate": 2, "host": self.service.url, "stop-timeout": 60}
        words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
        environment = {**os.environ, "LOAD_REQUESTS": str(self.folder / "requests.ndjson"), "PYTHONPATH": str(ROOT)}
        return Child("people", [*command, *words], environment, self.folder / "log" / "people.log")

    def _sessions(self) -> dict[str, int]:
        return {name: child.pid for name, child in [*self.service.children.items(), ("people", self.people)]}

    def run(self) -> dict[str, Any]:
        """What run.json holds."""
        try:
            self._load()
            self._drain()
            self.sampler.stop()
            self._compare()
        finally:
            self.people.kill()
            self.service.stop()
            (self.folder / "run.json").write_text(json.dumps(self.record, indent=1))
        return self.record

    def _load(self) -> None:
        self.service.start()
        self._until(lambda: any_bytes(self.service.dump), "events", START_SECONDS)
        self._began = self.record["began"] = time.time()
        self.sampler.start()
        self.say(f"the firehose runs: {self.plan.events:,} events in {self.plan.minutes:g} minutes")
        self._until(self._searchable, "a batch", self.plan.flush_seconds * 3 + START_SECONDS)
        self.people.start()
        self.record["people_since"] = time.time()
        self.say(f"{self.plan.users} people ask {self.service.url}")
        for kill in self.plan.kills:
            self._wait(self._began + kill.at)
            self.service.kill(kill.victim)
            self.record["kills"].append([kill.victim, time.time()])
            self.say(f"{kill.victim} was killed")
        self._wait(self._began + self.plan.seconds)
        self.record["ended"] = time.time()
        self.people.stop(90)
        if not self.service.dump.with_suffix(".end").exists():
            self.say("the firehose is late")

    def _searchable(self) -> bool:
        return bool(Lake(self.service.lake, self.service.database).batches()) and web_answers(self.service.url)

    def _wait(self, moment: float) -> None:
        while time.time() < moment:
            self.service.tend()
            if not self.sampler.is_alive():
                raise StackError("the sampler has ended: what it printed says why")
            time.sleep(0.1)

    def _until(self, done: Any, what: str, seconds: float) -> None:
        """Raises StackError."""
        end = time.time() + seconds
        while not done():
            if time.time() > end:
                raise StackError(f"no {what} within {seconds:.0f} s: see {self.folder}/log")
            self.service.tend()
            time.sleep(0.2)

    def _drain(self) -> None:
        """All events reach the lake; then consumer and flusher stop, and what is due is compacted."""
        lake, end = Lake(self.service.lake, self.service.database), self.service.dump.with_suffix(".end")
        self._until(end.exists, "end of the log", DRAIN_SECONDS)
        limit = time.time() + max(DRAIN_SECONDS, 3 * self.plan.flush_seconds)
        while lake.listed_rows() < self.plan.events and time.time() < limit:
            self._ask("flush")
        self.record["drained"] = time.time()
        self.say(f"drained: {lake.listed_rows():,} of {self.plan.events:,} rows are listed")
        self.service.retire("firehose", "consumer", "flusher")
        self.record |= catalog_facts(self.service.database)
        self._ask("compact")
        self.say("what was due is compacted")

    def _ask(self, kind: str) -> None:
        """As an administrator does: flush now, or compact all that is due, with the daily pass."""
        database = self.service.database
        with closing(sqlite3.connect(database, timeout=30)) as catalog, catalog:
            catalog.execute(
                "INSERT INTO lake_request (kind, arguments, asked_at, state, result) "
                "VALUES (?, '{}', '2026-07-01 00:00:00', 'waiting', '')",
                [kind],
            )
        self._until(lambda: requests_done(database), kind, REQUEST_SECONDS)

    def _compare(self) -> None:
        service, export = self.service, self.folder / "posts.parquet"
        urllib.request.urlretrieve(f"{service.url}/export?format=parquet&fields=id", export)
        lake = Lake(service.lake, service.database)
        self.record["comparison"] = compare(service.dump, lake, export, self.folder)
        self.say(f"compared: {self.record['comparison']}")
        self.record["verify_lake"] = self._verify()
        self.record["lake_at_end"] = lake_at_end(lake)

    def _verify(self) -> str:
        """What verify_lake complains of; empty: nothing."""
        try:
            self.service.manage("verify_lake", "--cids", "100")
        except StackError as error:
            return str(error)
        return ""

    def clean(self) -> None:
        """Keeps what the report is made of, and the logs."""
        for name in ("lake", "redis", "keys"):
            subprocess.run(["rm", "-rf", str(self.folder / name)], check=False)
        for name in ("log.ndjson", "posts.parquet"):
            (self.folder / name).unlink(missing_ok=True)


def any_bytes(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def web_answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/search?limit=1", timeout=30) as answer:
            return bool(json.load(answer)["results"])
    except OSError:
        return False


def catalog_facts(database: Path) -> dict[str, Any]:
    """Batches, connections and compactions of the run, as the catalog has them."""
    with closing(sqlite3.connect(database, timeout=30)) as catalog:
        ask = catalog.execute
        batches = ask(
            "SELECT started_at, seconds, state, events, duplicates, dead_letters, bytes_in, bytes_out "
            "FROM lake_batchrun ORDER BY id"
        ).fetchall()
        hours = ask(
            "SELECT hour, sum(batch_id IS NULL), count(*) FROM lake_datafile WHERE superseded_at IS NULL GROUP BY hour"
        ).fetchall()
        gaps = ask("SELECT count(*) FROM ingest_connection WHERE gap_seconds IS NOT NULL").fetchone()[0]
    return {"batches": batches, "hours": hours, "gaps": gaps}


def requests_done(database: Path) -> bool:
    with closing(sqlite3.connect(database, timeout=30)) as catalog:
        sql = "SELECT count(*) FROM lake_request WHERE state IN ('waiting', 'running')"
        return not catalog.execute(sql).fetchone()[0]


def lake_at_end(lake: Lake) -> dict[str, int]:
    ((files, size),) = lake.ask("SELECT count(*), sum(bytes) FROM lake_datafile WHERE superseded_at IS NULL")
    ((indexes,),) = lake.ask("SELECT coalesce(sum(bytes), 0) FROM lake_indexfile WHERE superseded_at IS NULL")
    return {"files": files, "bytes": size, "index_bytes": indexes}


def machine() -> dict[str, Any]:
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    memory = int(Path("/proc/meminfo").read_text().split()[1]) * 1024
    return {
        "cores": os.cpu_count(),
        "cpu": model[0].partition(":")[2].strip() if model else platform.machine(),
        "memory": memory,
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
    }
