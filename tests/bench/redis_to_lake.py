"""From the buffer to searchable: events a second, memory and bytes of the flusher, beside a plain writer.

The plain writer is what one would write first: json.loads, a pandas DataFrame for each collection, to_parquet. It keeps
no batch journal, folds no duplicates and loses what does not fit, so it does less.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import pandas as pd
import pyarrow as pa
import redis as redis_client

from deploy.local.redis_process import redis_process
from ingest.buffer.redis_stream import Buffer
from ingest.stream.frames import read_frames
from process.instants import now_us
from tests.bench.commands import ROOT, environment, manage, measured
from tests.bench.world import frames

FIVE_MINUTES = 142_000
ONE_HOUR = 1_708_000


def main():
    for name, count in (("5-minute batch", FIVE_MINUTES), ("1 h backlog", ONE_HOUR)):
        if count > int(os.environ.get("BENCH_MAX_EVENTS", ONE_HOUR)):
            continue
        events = frames(count)
        ours = flush(events)
        print(f"\n{name}: {count:,} events, {ours['json_bytes'] / count:.0f} bytes of JSON each")
        print(f"  flush_buffer --once     {ours['seconds']:7.2f} s  {count / ours['seconds']:9,.0f} events/s  "
              f"peak {ours['peak_mb']:,.0f} MB  (with its start: {ours['wall']:.2f} s)")  # fmt: skip
        if count == FIVE_MINUTES:
            plain = in_child("plain", count)
            print(f"  json + pandas           {plain['seconds']:7.2f} s  {count / plain['seconds']:9,.0f} events/s  "
                  f"peak {plain['peak_mb']:,.0f} MB")  # fmt: skip
            print(f"  ratio                   {plain['seconds'] / ours['seconds']:7.2f} times as fast")
            sizes(events, ours, plain)


def flush(events):
    """Fills a buffer and runs the real command."""
    with tempfile.TemporaryDirectory() as folder:
        env = environment(Path(folder))
        with redis_process(Path(folder) / "redis", maxmemory="8gb") as server:
            fill(server.url, events)
            env["REDIS_URL"] = server.url
            manage(env, "migrate", "-v0")
            started = time.monotonic()
            ran = measured(env, "flush_buffer", "--once")
            return {
                "wall": time.monotonic() - started,
                "seconds": ran.seconds,
                "bytes": sum(path.stat().st_size for path in Path(env["LAKE_ROOT"]).rglob("*.parquet")),
                "json_bytes": sum(map(len, events)),
                "peak_mb": ran.peak_mb,
            }


def fill(url, events):
    buffer = Buffer(url).connect()
    for start in range(0, len(events), 5000):
        batch = read_frames(events[start : start + 5000], None, "bench", now_us())
        buffer.append(batch.events, batch.drops, batch.cursor)
    buffer.close()
    assert redis_client.Redis.from_url(url).xlen("buffer") == len(events)


def in_child(name, count):
    """The plain writer in a process of its own, for its peak memory."""
    command = [sys.executable, "-m", "tests.bench.redis_to_lake", name, str(count)]
    result = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)
    return json.loads(result.stdout.splitlines()[-1])


def plain(count):
    with tempfile.TemporaryDirectory() as folder, redis_process(Path(folder) / "redis", maxmemory="8gb") as server:
        fill(server.url, frames(count))
        client = redis_client.Redis.from_url(server.url)
        started = time.monotonic()
        size = plain_writer(client, Path(folder))
        seconds = time.monotonic() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps({"seconds": seconds, "bytes": size, "peak_mb": peak / 1024}))


def plain_writer(client, folder):
    """All entries to one zstd Parquet file a collection; bytes written."""
    rows = defaultdict(list)
    for _, fields in client.xrange("buffer"):
        event = json.loads(fields[b"f"])
        commit = event.get("commit", {})
        row = {"did": event["did"], "time_us": event["time_us"], **{k: v for k, v in commit.items() if k != "record"}}
        for key, value in commit.get("record", event.get(event["kind"], {})).items():
            row[f"record_{key}"] = value if isinstance(value, str | int | bool | None) else json.dumps(value)
        rows[commit.get("collection", event["kind"])].append(row)
    for collection, part in rows.items():
        pd.DataFrame(part).astype(str).to_parquet(folder / f"{collection}.parquet", compression="zstd")
    client.xtrim("buffer", maxlen=0, approximate=False)
    return sum(path.stat().st_size for path in folder.glob("*.parquet"))


def sizes(events, ours, plain):
    """Bytes an event at flush."""
    count, raw = len(events), ours["json_bytes"]
    packed = len(pa.Codec("zstd", compression_level=3).compress(b"\n".join(events)))
    print("\nbytes an event at flush")
    rows = {"JSON": raw, "zstd -3 of the JSON": packed, "json + pandas": plain["bytes"], "lake": ours["bytes"]}
    for name, size in rows.items():
        print(f"  {name:22s} {size / count:7.1f}  {1 - size / raw:6.1%} smaller than the JSON")


if __name__ == "__main__":
    plain(int(sys.argv[2])) if sys.argv[1:2] == ["plain"] else main()
