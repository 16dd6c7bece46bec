"""A million posts over HTTP, beside scripts over the same files: `python -m tests.bench export`.

The server is gunicorn with deploy/gunicorn.conf.py. What arrives is compared with the manifest where there is one.
"""

import csv
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlencode

import duckdb
import pandas as pd
import pyarrow.parquet as pq

from lake.storage import layout
from tests.bench import months
from tests.bench.months import START, Months, made
from tests.bench.web import Web, serving, watched

ROOT = Path(__file__).parents[2]
COLUMNS = ["did", "rkey", "created_at", "seen", "text", "langs", "cid", "reply_root_uri", "reply_parent_uri",
           "quote_uri", "links", "hashtags", "mentions", "media"]  # fmt: skip
BLOCK = 1 << 16


class Part(NamedTuple):
    """The newest whole hours that hold so many posts at least."""

    first: int
    last: int
    rows: int

    def query(self) -> dict[str, str]:
        return {"start": _iso(self.first), "end": _iso(self.last + 1)}


def part(data: Months, rows: int) -> Part:
    hours, found = [hour for hour in data.hours() if hour.posts == hour.full], 0
    for hour in reversed(hours):
        found += hour.posts
        if found >= rows or hour.number == 0:
            return Part(hour.number, hours[-1].number, found)
    sys.exit("There is no whole hour of posts: take more --posts.")


def _iso(hour: int) -> str:
    return f"{START + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ}"


class Received(NamedTuple):
    first_ms: float
    seconds: float
    bytes: int
    sha256: str
    id: str


def receive(web: Web, query: dict[str, str], path: Path) -> Received | None:
    """Takes the whole body; None when the server knows no such format. Raises http.client.IncompleteRead when it ends
    before its end."""
    started = time.monotonic()
    with web.connect() as client, path.open("wb") as file:
        client.request("GET", f"/export?{urlencode(query)}")
        response = client.getresponse()
        if response.status == 400:
            return None
        if response.status != 200:
            sys.exit(f"The export answers {response.status}: {response.read()[:500].decode()}")
        block, digest, size = response.read(1), hashlib.sha256(), 0
        first_ms = (time.monotonic() - started) * 1000
        while block:
            file.write(block)
            digest.update(block)
            size += len(block)
            block = response.read1(BLOCK)
    seconds = time.monotonic() - started
    return Received(first_ms, seconds, size, digest.hexdigest(), response.headers.get("X-Export-Id", ""))


def manifest(web: Web, received: Received) -> str:
    """What the server says of the body that it sent."""
    status, body = web.get(f"/export/manifest/{received.id}") if received.id else (404, b"")
    if status != 200:
        return "no manifest"
    return "as its manifest says" if received.sha256 in body.decode() else "NOT WHAT ITS MANIFEST SAYS"


def rows_of(path: Path, form: str) -> int:
    if form == "parquet":
        return int(pq.read_metadata(path).num_rows)
    with path.open(newline="", encoding="utf-8") as file:
        return sum(1 for _ in csv.reader(file)) - 1 if form == "csv" else sum(1 for _ in file)


def show(name: str, rows: int, seconds: float, most: float, rest: str, first: str = "", before: str = "") -> None:
    print(f"{name:22}{rows / seconds:10,.0f}{first:>12}{seconds:10.1f}{before:>12}{most:12,.0f}  {rest}", flush=True)


def over_http(data: Months, wanted: Part, folder: Path) -> bool:
    """Whether all that arrived is right."""
    right = True
    with serving(data) as web:
        for form in ("csv", "ndjson", "parquet"):
            path = folder / f"export.{form}"
            with watched(web) as memory:
                received = receive(web, wanted.query() | ({} if form == "csv" else {"format": form}), path)
            if received is None:
                print(f"{form:22}the server has no such format")
                continue
            rows, said = rows_of(path, form), manifest(web, received)
            right &= rows == wanted.rows and "NOT" not in said
            show(f"export {form}", rows, received.seconds, memory[0].most, f"{received.bytes / rows:.0f} bytes, {said}",
                 f"{received.first_ms:,.0f}", f"{memory[0].begin:,.0f}")  # fmt: skip
            path.unlink()
    return right


def files_of(data: Months, wanted: Part) -> list[str]:
    hours = (START + timedelta(hours=number) for number in range(wanted.first, wanted.last + 1))
    folders = [data.lake / layout.partition("posts", hour) for hour in hours]
    return [str(path) for folder in folders for path in folder.glob("*.parquet")]


def with_pandas(files: list[str], path: str) -> int:
    posts = pd.concat([pd.read_parquet(file, columns=COLUMNS) for file in files])
    posts.to_csv(path, index=False)
    return len(posts)


def with_duckdb(files: list[str], path: str) -> int:
    sql = f"COPY (SELECT {', '.join(COLUMNS)} FROM read_parquet($files)) TO '{path}' (FORMAT csv, HEADER)"
    database = duckdb.connect(config={"threads": 2})
    database.execute("SET enable_progress_bar = false")
    return int(database.execute(sql, {"files": files}).fetchall()[0][0])


SCRIPTS = {"pandas": with_pandas, "DuckDB COPY": with_duckdb}


def in_child(name: str, files: list[str], path: Path) -> None:
    """The script in a process of its own, for its peak memory."""
    command = [sys.executable, "-m", "tests.bench.export", name, str(path)]
    result = subprocess.run(command, cwd=ROOT, input=json.dumps(files).encode(), check=True, stdout=subprocess.PIPE)
    rows, seconds, most = json.loads(result.stdout)
    show(f"{name}, csv", rows, seconds, most, f"{path.stat().st_size / rows:.0f} bytes")
    path.unlink()


def script(name: str, path: str) -> None:
    files, started = json.load(sys.stdin), time.monotonic()
    rows = SCRIPTS[name](files, path)
    seconds, most = time.monotonic() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([rows, seconds, most]))


def main(given: list[str]) -> None:
    parser = ArgumentParser("python -m tests.bench export", description=__doc__)
    months.arguments(parser)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args(given)
    data = made(Months(options.posts, options.per_day))
    wanted = part(data, options.rows)
    print(f"\nexport of {wanted.rows:,} of {data.posts:,} posts")
    print(f"{'':22}{'rows/s':>10}{'first, ms':>12}{'seconds':>10}{'MB before':>12}{'MB at most':>12}")
    with tempfile.TemporaryDirectory(dir=data.folder) as folder:
        right = over_http(data, wanted, Path(folder))
        for name in SCRIPTS:
            in_child(name, files_of(data, wanted), Path(folder) / "script.csv")
    if not right:
        sys.exit("An export is not what was asked for.")


if __name__ == "__main__":
    script(sys.argv[1], sys.argv[2])
