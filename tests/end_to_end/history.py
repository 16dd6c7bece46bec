"""Thirty days (HISTORY_DAYS) of a Prometheus, made at once: as many samples of each series as scrapes leave."""

import json
import os
import subprocess
import time
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import numpy as np

from deploy.local.child import Child
from deploy.local.environment import free_port
from deploy.monitor.programs import find
from tests.end_to_end.stack import until

DAYS = int(os.environ.get("HISTORY_DAYS", "30"))  # each takes half a minute to make
STEP_SECONDS = 10
DAY_SECONDS = 86_400
POINTS = 1_000  # of a graph as wide as a third of a screen


def series_text(labels):
    """As in an exposition."""
    name = labels["__name__"]
    rest = ",".join(f"{key}={json.dumps(value)}" for key, value in labels.items() if key != "__name__")
    return f"{name}{{{rest}}} "


def write_day(path, series, end, seed):
    """A day that ends then. Counters rise unevenly from where the day before left them; gauges walk."""
    times = [f" {moment}\n" for moment in range(end - DAY_SECONDS, end, STEP_SECONDS)]
    random = np.random.default_rng(seed)
    with path.open("w") as file:
        for labels in series:
            steps = random.integers(0, 900, len(times))
            rises = labels["__name__"].endswith(("_total", "_bucket", "_count"))
            values = seed * len(times) * 450 + np.cumsum(steps) if rises else 5_000 + steps
            text = series_text(labels)
            file.writelines(
                text + value + moment for value, moment in zip(map(str, values.tolist()), times, strict=True)
            )
        file.write("# EOF\n")


def make_blocks(folder, series):
    """The data folder of a Prometheus with that many days of these series. Returns the time of the last sample."""
    end = int(time.time()) // DAY_SECONDS * DAY_SECONDS
    blocks, day_file = folder / "blocks", folder / "day.txt"
    for day in range(DAYS):
        write_day(day_file, series, end - (DAYS - 1 - day) * DAY_SECONDS, day)
        command = [find("promtool"), "tsdb", "create-blocks-from", "openmetrics", "--quiet", day_file, blocks]
        subprocess.run(command, check=True, capture_output=True)
    return blocks, end


def range_seconds(url, query, end):
    """Seconds of a query over all days, and the number of series that it returned."""
    step = DAYS * DAY_SECONDS // POINTS
    query = query.replace("$__rate_interval", f"{step + STEP_SECONDS}s")
    asked = {"query": query, "start": end - DAYS * DAY_SECONDS, "end": end, "step": step}
    began = time.monotonic()
    with urllib.request.urlopen(f"{url}/api/v1/query_range?{urllib.parse.urlencode(asked)}", timeout=120) as answer:
        found = json.load(answer)["data"]["result"]
    return time.monotonic() - began, len(found)


def dashboard_seconds(url, queries, end):
    """All at once, as a browser asks: six at a time."""
    began = time.monotonic()
    with ThreadPoolExecutor(6) as pool:
        single = list(pool.map(lambda query: range_seconds(url, query, end), queries))
    return time.monotonic() - began, single


@contextmanager
def prometheus(folder, blocks):
    """A Prometheus over these blocks, which it begins to compact; its address."""
    port = free_port()
    configuration = folder / "empty.yml"
    configuration.write_text("{}")
    options = [
        f"--config.file={configuration}",
        f"--storage.tsdb.path={blocks}",
        "--storage.tsdb.retention.time=90d",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    child = Child("history", [find("prometheus"), *options], dict(os.environ), folder / "history.log")
    child.start()
    url = f"http://127.0.0.1:{port}"
    try:
        until(lambda: ready(url), "Prometheus has its blocks", 120)
        yield url
    finally:
        child.kill()


def ready(url):
    try:
        with urllib.request.urlopen(f"{url}/-/ready", timeout=5) as answer:
            return answer.status == 200
    except OSError:
        return False
