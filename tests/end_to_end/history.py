"""Thirty days (HISTORY_DAYS) of a Prometheus, made at once: as many samples of each series as scrapes leave."""

import itertools
import json
import os
import subprocess
import time
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from deploy.local.child import Child
from deploy.local.environment import free_port
from deploy.monitor.programs import RETENTION, find
from tests.end_to_end.stack import until

DAYS = int(os.environ.get("HISTORY_DAYS", "30"))
SCRAPE_SECONDS = 10
RECORDED_SECONDS = 30  # `interval` of rules that record
DAY_SECONDS = 86_400
BLOCK_SECONDS = 54 * 3600  # what compaction makes of blocks of 2 hours where 30 days are kept: at most a tenth of them
STEP_SECONDS = 3600  # what Grafana asks of 30 days for a graph of 500 to 900 pixels: a third of a screen


def series_text(labels):
    """As in an exposition."""
    name = labels["__name__"]
    rest = ",".join(f"{key}={json.dumps(value)}" for key, value in labels.items() if key != "__name__")
    return f"{name}{{{rest}}} "


def write_samples(path, series, begin, end):
    """Counters rise unevenly, also above those of the block before; gauges walk."""
    random = np.random.default_rng(begin)
    with path.open("w") as file:
        for labels in series:
            name = labels["__name__"]
            seconds = RECORDED_SECONDS if ":" in name else SCRAPE_SECONDS
            times = range(begin, end, seconds)
            steps = random.integers(0, 900, len(times))
            rises = name.endswith(("_total", "_bucket", "_count"))
            values = begin // seconds * 900 + np.cumsum(steps) if rises else 5_000 + steps
            text = series_text(labels)
            file.writelines(f"{text}{value} {moment}\n" for value, moment in zip(values.tolist(), times, strict=True))
        file.write("# EOF\n")


def make_block(folder, series, begin, end):
    samples = folder / f"{begin}.txt"
    write_samples(samples, series, begin, end)
    command = [find("promtool"), "tsdb", "create-blocks-from", "openmetrics", "--quiet"]
    longest = f"--max-block-duration={BLOCK_SECONDS}s"
    subprocess.run([*command, longest, samples, folder / "blocks"], check=True, capture_output=True)
    samples.unlink()


def make_blocks(folder, series):
    """The data folder of a Prometheus with that many days of these series, and the time of the last sample.

    Its blocks are those of a Prometheus that has compacted them, but for the newest, which is longer than there.
    """
    end = int(time.time()) // DAY_SECONDS * DAY_SECONDS
    begin = end - DAYS * DAY_SECONDS
    bounds = [begin, *range(begin - begin % BLOCK_SECONDS + BLOCK_SECONDS, end, BLOCK_SECONDS), end]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda between: make_block(folder, series, *between), itertools.pairwise(bounds)))
    return folder / "blocks", end


def range_seconds(url, query, end):
    """Seconds of a query over all days, and the number of series that it returned."""
    query = query.replace("$__rate_interval", f"{STEP_SECONDS + SCRAPE_SECONDS}s")
    asked = {"query": query, "start": end - DAYS * DAY_SECONDS, "end": end, "step": STEP_SECONDS}
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


def drop_pages(folder):
    """From the page cache, so that the disk is read again; not those that a process has mapped."""
    for path in filter(Path.is_file, folder.rglob("*")):
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@contextmanager
def prometheus(folder, blocks):
    """A Prometheus over these blocks; its address."""
    port = free_port()
    configuration = folder / "empty.yml"
    configuration.write_text("{}")
    options = [
        f"--config.file={configuration}",
        f"--storage.tsdb.path={blocks}",
        f"--storage.tsdb.retention.time={RETENTION}",
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
