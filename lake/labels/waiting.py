"""Labels whose post is not in the lake yet: they wait for it in the catalog, and are given up after a day."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import structlog
from django.db import connection, transaction
from django.utils import timezone

from lake import metrics
from lake.label_models import WaitingLabel
from lake.labels import posts
from lake.labels.joining import join
from lake.labels.parse import parse
from lake.labels.posts import ListFiles
from lake.labels.source import COLUMNS
from lake.labels.writer import LabelWriter
from lake.models import DataFile
from lake.storage.duckdb_engine import Engine
from process.instants import microseconds, utc

log = structlog.get_logger("labels")

WAIT = timedelta(days=1)  # for a post, from the label's arrival on
KEPT = timedelta(days=30)  # for the admin, once it was given up
LABELS_AT_ONCE = 200_000
KEYS_AT_ONCE = 1000
_FIELDS = ("did", "rkey", "name", "score", "value", "model", "version", "labelled_at")
_TIMES = ("labelled_at", "moment")
_KINDS = {"row": pa.int64()} | dict.fromkeys(_FIELDS, pa.string()) | {"score": pa.float64()}
_KINDS |= dict.fromkeys(_TIMES, pa.int64())


def accept_labels(rows: Sequence[Mapping[str, Any]]) -> list[tuple[int, str]]:
    """Takes labels with the keys uri, label, score, value, model, version, labelled_at, of which only the first two
    must be there, and returns the index of each row that is wrong, with the reason. The others are beside their posts
    within seconds, or wait for them."""
    now = timezone.now()
    faults = {number: fault for number, row in enumerate(rows) if (fault := _fault(row))}
    cells = [{} if number in faults else row for number, row in enumerate(rows)]
    raw = pa.table({name: pa.array([_text(row.get(name)) for row in cells], pa.string()) for name in COLUMNS})
    parsed = parse(_engine(), raw, 0, microseconds(now))
    with transaction.atomic():
        add_waiting(parsed.labels, now)
    return [(number, faults.get(number, reason)) for number, reason in parsed.wrong]


def _fault(row: Mapping[str, Any]) -> str:
    if strange := [name for name in row if name not in COLUMNS]:
        return f"{strange[0]} is none of {', '.join(COLUMNS)}"
    odd = [name for name, value in row.items() if not isinstance(value, str | int | float | None)]
    return f"{odd[0]} is no text or number" if odd else ""


def _text(value: str | float | bool | None) -> str | None:
    if isinstance(value, bool):
        return str(value).lower()
    return None if value is None else str(value).encode(errors="replace").decode()


@cache
def _engine() -> Engine:
    return Engine("100MB", 1)


def add_waiting(labels: pa.Table, received: datetime) -> None:
    """`labels`: as parse() gives them."""
    if not labels.num_rows:
        return
    adapt = connection.ops.adapt_datetimefield_value
    moment = adapt(received)
    columns = [labels[name].to_pylist() for name in _FIELDS[:-1]]
    times = [None if us is None else adapt(utc(us)) for us in labels["labelled_at"].cast(pa.int64()).to_pylist()]
    rows: list[tuple[Any, ...]] = [
        (did, rkey, name, score, value, model or "", version or "", time, moment)
        for did, rkey, name, score, value, model, version, time in zip(*columns, times, strict=True)
    ]
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {WaitingLabel._meta.db_table} ({', '.join(_FIELDS)}, received_at) VALUES "  # noqa: S608 - our own table
            "(%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            rows,
        )


class Joiner:
    """Joins what waits. The writer's lock must be held. `run` raises LakeUnusable and QueryTooLarge."""

    def __init__(self, engine: Engine, root: Path) -> None:
        self._engine, self._root = engine, root
        self._looked_for = 0  # pk of the last label that was looked for everywhere
        self._looked_in = 0  # pk of the last file that was looked into

    def due(self) -> bool:
        """Whether a label or a post has come since the last run, or a label's time is over. Cheap."""
        last = _waiting().order_by("-pk").values_list("pk", flat=True).first()
        if last is None:
            return False
        late = _waiting().filter(received_at__lt=timezone.now() - WAIT).exists()
        return last > self._looked_for or _last_file() > self._looked_in or late

    def run(self) -> int:
        """How many labels it has joined. Gives up those whose time is over, once they have been looked for."""
        now, file = timezone.now(), _last_file()
        last = _waiting().order_by("-pk").values_list("pk", flat=True).first() or 0
        fresh = DataFile.listed.filter(dataset="posts", pk__gt=self._looked_in).values_list("path", flat=True)
        paths = list(fresh)
        done = 0
        if paths and self._looked_for:
            done += self._join(0, self._looked_for, posts.of_paths(paths))
        done += self._join(self._looked_for, last, None)
        self._looked_for, self._looked_in = last, file
        _give_up(now)
        metrics.LABELS_WAITING.set(_waiting().count())
        return done

    def _join(self, after: int, last: int, files: ListFiles | None) -> int:
        """Labels with a pk above `after`, up to `last`. `files`: None looks everywhere."""
        done = 0
        for labels in _parts(after, last):
            if files is not None:
                done += self._write(labels, files)[0]
                continue
            found, missing = self._write(labels, posts.near(labels["rkey"]))
            done += found + (self._write(missing, posts.everywhere)[0] if missing.num_rows else 0)
        return done

    def _write(self, labels: pa.Table, files: ListFiles) -> tuple[int, pa.Table]:
        """How many have found their posts, and those that have not."""
        joined = join(self._engine, self._root, labels, files)
        keys = joined.found["row"].to_pylist()
        if keys:
            writer = LabelWriter(self._root)
            if joined.new.num_rows:
                writer.prepare()
            writer.write(joined.new, lambda: _remove(keys))
            metrics.LABELS_JOINED.inc(len(keys))
            log.info("labels joined", found=len(keys), new=joined.new.num_rows)
        return len(keys), joined.missing


def _waiting() -> Any:
    return WaitingLabel.objects.filter(unknown_at=None)


def _last_file() -> int:
    return DataFile.objects.filter(dataset="posts").order_by("-pk").values_list("pk", flat=True).first() or 0


def _parts(after: int, last: int) -> Iterator[pa.Table]:
    """In the order in which they came."""
    while rows := list(
        _waiting()
        .filter(pk__gt=after, pk__lte=last)
        .order_by("pk")
        .values_list("pk", *_FIELDS, "received_at")[:LABELS_AT_ONCE]
    ):
        after = rows[-1][0]
        yield _table(rows)


def _table(rows: Sequence[tuple[Any, ...]]) -> pa.Table:
    columns: dict[str, list[Any]] = {
        name: list(values) for name, values in zip(_KINDS, zip(*rows, strict=True), strict=True)
    }
    for name in ("model", "version"):
        columns[name] = [text or None for text in columns[name]]
    for name in _TIMES:
        columns[name] = [None if time is None else microseconds(time) for time in columns[name]]
    arrays = {name: pa.array(values, _KINDS[name]) for name, values in columns.items()}
    return pa.table(arrays | {name: arrays[name].cast(pa.timestamp("us")) for name in _TIMES})


def _remove(keys: Sequence[int]) -> None:
    for start in range(0, len(keys), KEYS_AT_ONCE):
        WaitingLabel.objects.filter(pk__in=keys[start : start + KEYS_AT_ONCE]).delete()


def _give_up(now: datetime) -> None:
    late = _waiting().filter(received_at__lt=now - WAIT).update(unknown_at=now)
    if late:
        metrics.LABELS_UNKNOWN.inc(late)
        log.warning("labels given up: no post has come for a day", labels=late)
    WaitingLabel.objects.filter(unknown_at__lt=now - KEPT).delete()
