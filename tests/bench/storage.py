"""Bytes an event before and after compaction, and what other codecs would do: `python -m tests.bench storage`.

The simulator's world goes through the real flusher, five minutes a flush, and through compact_lake.
"""

import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import redis as redis_client

from deploy.local.redis_process import redis_process
from ingest.simulator.world.world import World
from lake.compact.index_upkeep import FOLDER
from lake.schema import DATASETS, FLUSHED
from lake.storage import parquet_options
from tests.bench.commands import ROOT, environment, manage, measured
from tests.bench.redis_to_lake import ONE_HOUR, fill
from tests.bench.world import START_US

COLLECTIONS = {DATASETS[name].collection: name for name in FLUSHED if DATASETS[name].collection}
CODECS = [("snappy", 0), ("gzip", 6), *(("zstd", level) for level in (1, 2, 3, 6, 9, 15, 19))]
A_DAY = 41_000_000
ROWS = 100_000  # of a codec's table: level 19 writes some thousand a second


class Commit(msgspec.Struct):
    operation: str
    collection: str


class Event(msgspec.Struct):
    kind: str
    commit: Commit | None = None

    @property
    def dataset(self) -> str:
        if self.commit is None:
            return "accounts"
        return "deletes" if self.commit.operation == "delete" else COLLECTIONS.get(self.commit.collection, "records")


class Size(NamedTuple):
    rows: int
    bytes: int
    files: int


def json_sizes(events: list[bytes]) -> Counter[str]:
    """Bytes of JSON of each dataset."""
    sizes: Counter[str] = Counter()
    decoder = msgspec.json.Decoder(Event)
    for event in events:
        sizes[decoder.decode(event).dataset] += len(event)
    return sizes


def flushed(batches: Iterable[list[bytes]], folder: Path) -> tuple[dict[str, str], Counter[str]]:
    """Flushes the events, a list a time: the environment of their lake, and the bytes of JSON of each dataset."""
    env, raw = environment(folder), Counter[str]()
    with redis_process(folder / "redis", maxmemory="8gb") as server:
        env["REDIS_URL"] = server.url
        manage(env, "migrate", "-v0")
        for events in batches:
            redis_client.Redis.from_url(server.url).flushall()
            fill(server.url, events)
            manage(env, "flush_buffer", "--once")
            raw += json_sizes(events)
    return env, raw


def batches(events: int, a_day: int) -> Iterator[list[bytes]]:
    """The simulator's world, so many events a day, in lists of five minutes."""
    world = (frame for _, frame in islice(World(1, START_US, a_day / 86_400), events))
    while batch := list(islice(world, a_day // 288)):
        yield batch


def sizes(env: dict[str, str]) -> dict[str, Size]:
    """Of each dataset, all its listed files, and for the whole lake under ''."""
    code = (
        "import json,os,django; os.environ['DJANGO_SETTINGS_MODULE']='explorer.settings'; django.setup()\n"
        "from django.db.models import Count, Sum; from lake.models import DataFile\n"
        "print(json.dumps(list(DataFile.listed.order_by('dataset').values_list('dataset')"
        ".annotate(Sum('rows'), Sum('bytes'), Count('pk')))))"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=env, check=True, stdout=subprocess.PIPE)
    found = {name: Size(*size) for name, *size in msgspec.json.decode(result.stdout)}
    return found | {"": Size(*(sum(column) for column in zip(*found.values(), strict=True)))}


def show_sizes(json_bytes: Counter[str], before: dict[str, Size], after: dict[str, Size]) -> None:
    print(f"\n{'bytes a row':12}{'rows':>12}{'JSON':>8}{'flushed':>10}{'compacted':>11}{'smaller':>10}{'files':>14}")
    for name in [*filter(None, before), ""]:
        raw = json_bytes[name] if name else json_bytes.total()
        (rows, flushed_bytes, flushes), (_, compacted, count) = before[name], after[name]
        print(f"{name or 'all':12}{rows:12,}{raw / rows:8.0f}{flushed_bytes / rows:10.1f}{compacted / rows:11.1f}"
              f"{1 - compacted / raw:10.1%}{f'{flushes} -> {count}':>14}")  # fmt: skip


def paths(env: dict[str, str], dataset: str, beginning: str) -> list[str]:
    return sorted(map(str, Path(env["LAKE_ROOT"], dataset).rglob(f"{beginning}-*.parquet")))


def show_indexes(env: dict[str, str], posts: int) -> None:
    size = sum(path.stat().st_size for path in Path(env["LAKE_ROOT"], FOLDER).iterdir())
    print(f"text indexes: {size / posts:.1f} bytes a post")


def show_codecs(env: dict[str, str], dataset: str, folder: Path) -> None:
    """The rows of compacted files as each codec writes them: our layout, but for the codec."""
    table = pa.concat_tables(pq.ParquetFile(path).read() for path in paths(env, dataset, "c"))
    table = table.slice(0, ROWS).combine_chunks()
    style = parquet_options.COMPACTED[dataset]
    print(f"\n{dataset}, {table.num_rows:,} rows{'':6}{'bytes a row':>14}{'write, s':>10}{'scan, s':>10}")
    for codec, level in CODECS:
        path = folder / "codec.parquet"
        options = parquet_options.writer_options(DATASETS[dataset], style.group_rows, level)
        options |= {"compression": codec, "compression_level": level or None}
        started = time.process_time()
        pq.write_table(table, path, row_group_size=style.group_rows, **options)
        written = time.process_time() - started
        ours = "  what compaction writes" if (codec, level) == ("zstd", style.level) else ""
        print(f"  {f'{codec} {level or str()}':24}{path.stat().st_size / table.num_rows:12.1f}"
              f"{written:10.2f}{scan(path):10.2f}{ours}", flush=True)  # fmt: skip


def scan(path: Path) -> float:
    """CPU seconds to read every column of every row."""
    wanted = ", ".join(f"max(hash({name}))" for name in pq.read_schema(path).names)
    started = time.process_time()
    duckdb.execute(f"SELECT {wanted} FROM '{path}'").fetchall()
    return time.process_time() - started


def main(given: list[str]) -> None:
    parser = ArgumentParser("python -m tests.bench storage", description=__doc__)
    parser.add_argument("--events", type=int, default=ONE_HOUR)
    parser.add_argument("--a-day", type=int, default=A_DAY, help="events that the network makes in a day")
    options = parser.parse_args(given)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        env, raw = flushed(batches(options.events, options.a_day), folder)
        env |= {"COMPACT_AFTER_SECONDS": "0", "SWEEP_GRACE_SECONDS": "0"}
        before = sizes(env)
        ran = measured(env, "compact_lake", "--once")
        print(f"\nstorage: {options.events:,} events; compact_lake --once: {ran.seconds:.1f} s, "
              f"{ran.cpu:.1f} s of CPU, {ran.peak_mb:,.0f} MB at most")  # fmt: skip
        after = sizes(env)
        show_sizes(raw, before, after)
        show_indexes(env, after["posts"].rows)
        for dataset in ("posts", "likes"):
            show_codecs(env, dataset, folder)
