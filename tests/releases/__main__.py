"""Keeps a small lake of a release, for the releases after it: python -m tests.releases VERSION [TREE]

TREE: a checkout of that release with its libraries in TREE/.venv; without it, the code here, whose migrations are noted
as those of the last release. All events are simulated.
"""

import json
import os
import re
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path

from deploy.local.child import ROOT, Child
from deploy.local.redis_process import RedisProcess
from tests.end_to_end.stack import until
from tests.releases import questions

FOLDER = Path(__file__).parent
LARGEST = 300_000  # bytes of an archive
EVENTS = (1_300, 1_900)  # in the lake before the compaction, and after it
START_US = 1_782_864_000_000_000  # 2026-07-01T00:00:00Z, where the simulator begins


class Release:
    """The commands of one checkout, on a lake in `folder`."""

    def __init__(self, tree, folder):
        self.tree, self.folder = tree, folder
        self.redis = RedisProcess(folder / "redis", maxmemory="64mb")
        self.python = str(tree / ".venv/bin/python")
        self.variables = {
            "PATH": os.environ["PATH"],
            "DJANGO_DEBUG": "true",
            "DJANGO_SETTINGS_MODULE": "explorer.settings",
            "DATABASE_PATH": str(folder / "lake/catalog.sqlite3"),
            "LAKE_ROOT": str(folder / "lake/files"),
            "REDIS_URL": self.redis.url,
            "COMPACT_AFTER_SECONDS": "0",
            "SWEEP_GRACE_SECONDS": "0",
            **{f"METRICS_PORT_{name}": "0" for name in ("CONSUMER", "FLUSHER", "COMPACTOR")},
        }

    def run(self, *words):
        ran = subprocess.run(
            [self.python, *words], cwd=self.tree, env=self.variables, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, f"{words}: {ran.stdout}{ran.stderr}"
        return ran.stdout

    @contextmanager
    def running(self, command, *words):
        line = [self.python, str(self.tree / "manage.py"), command, *words]
        log = self.folder / f"{command}.log"
        log.unlink(missing_ok=True)
        child = Child(command, line, self.variables, log)
        child.start()
        try:
            yield child
        finally:
            child.stop(20)

    def receive(self, events):
        """So many events of the log are in the lake."""
        with self.running(
            "simulate_jetstream", "--port", "0", "--events", str(events), "--per-second", "0.5"
        ) as simulator:
            until(lambda: "ws://" in simulator.log.read_text(), "the simulator listens")
            (self.variables["JETSTREAM_URLS"],) = re.findall(r"ws://\S+", simulator.log.read_text())
            with self.running("consume_jetstream"):
                until(lambda: self.flushed() >= events, f"{events} events")

    def flushed(self):
        self.run("manage.py", "flush_buffer", "--once")
        with closing(sqlite3.connect(self.variables["DATABASE_PATH"])) as catalog:
            (rows,) = catalog.execute("SELECT coalesce(sum(events - duplicates), 0) FROM lake_batchrun").fetchone()
        return rows

    def fill(self):
        (self.folder / "lake").mkdir()
        self.run("manage.py", "migrate", "--verbosity", "0")
        with closing(sqlite3.connect(self.variables["DATABASE_PATH"])) as catalog, catalog:
            values = (1, START_US, "", None, "2026-07-01 00:00:00")
            catalog.execute(
                "INSERT INTO ingest_checkpoint (id, time_us, host, seq, saved_at) VALUES (?, ?, ?, ?, ?)", values
            )
        self.redis.start()
        try:
            self.receive(EVENTS[0])
            if (self.tree / "lake/management/commands/compact_lake.py").exists():
                self.run("manage.py", "compact_lake", "--once")
            self.receive(EVENTS[1])
        finally:
            self.redis.kill()
        answers = json.loads(self.run("-c", Path(questions.__file__).read_text()))
        (self.folder / "lake/answers.json").write_text(json.dumps(answers, indent=1))


def main():
    version, tree = sys.argv[1], Path(sys.argv[2] if len(sys.argv) > 2 else ROOT).absolute()
    archive = FOLDER / f"{version}.tar.xz"
    with tempfile.TemporaryDirectory() as folder:
        release = Release(tree, Path(folder))
        release.fill()
        with tarfile.open(archive, "w:xz") as file:
            for path in sorted((Path(folder) / "lake").rglob("*")):
                if path.is_file() and not re.search(r"-wal$|-shm$|\.lock$|heartbeats", str(path)):
                    file.add(path, str(path.relative_to(Path(folder) / "lake")), filter=nobodys)
    size = archive.stat().st_size
    assert size < LARGEST, f"{size} bytes: fewer EVENTS"
    if tree == ROOT:
        paths = sorted(ROOT.glob("*/migrations/0*.py"))
        (FOLDER / "migrations.txt").write_text("".join(f"{path.parts[-3]}.{path.stem}\n" for path in paths))
    print(f"{archive}: {size:,} bytes")


def nobodys(member):
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    main()
