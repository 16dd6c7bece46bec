"""manage.py export_posts: the same file as over HTTP, also when it is killed on its way."""

import csv
import hashlib
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pyarrow.parquet as pq
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from deploy.local.child import ROOT
from lake.delivery import resumable_file
from lake.export import rows as export_rows
from lake.scan import paged_scan
from tests.builders import NOON_US, commit, delete, post
from tests.lake.search.test_reader import hours


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(paged_scan, "FIRST_ROWS", 2)
    monkeypatch.setattr(export_rows, "FEWEST_ROWS", 1)
    monkeypatch.setattr(export_rows, "MOST_ROWS", 2)
    monkeypatch.setattr(resumable_file, "SAVED_BYTES", 1)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "out.csv"


def run(path, *arguments):
    call_command("export_posts", f"--output={path}", *arguments, verbosity=0, stdout=io.StringIO())


def told(path, *names):
    return tuple(manifest(path)[name] for name in names)


def manifest(path):
    return json.loads(path.with_name(f"{path.name}.manifest.json").read_text())


def texts(path):
    return [row["text"] for row in csv.DictReader(io.StringIO(path.read_bytes().decode(), newline=""))]


class Killed(BaseException):
    """As good as a SIGKILL: nothing catches it."""


def kill_after(monkeypatch, parts):
    """The process ends when so many parts are written, the last of them not yet as whole."""
    count, seen = resumable_file.ExportFile._count, []

    def killed(self, body, *others):
        seen.append(body)
        if len(seen) > parts:
            others[-1].flush()
            raise Killed
        count(self, body, *others)

    monkeypatch.setattr(resumable_file.ExportFile, "_count", killed)
    return lambda: monkeypatch.setattr(resumable_file.ExportFile, "_count", count)


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet"])
def test_the_file_is_that_of_the_api(lake, client, small, tmp_path, form):
    hours(lake, 3)
    lake.flush(post("a\0b", time_us=NOON_US + 500))
    path = tmp_path / f"out.{form}"
    run(path, f"--format={form}", "--text=p1 OR a", "--lang=en", "--lang=-pt", "--exact=false")
    response = client.get(f"/export?format={form}&text=p1+OR+a&lang=en&lang=-pt&exact=false")
    body = b"".join(response.streaming_content)
    if form == "parquet":  # whose metadata tells when it was made
        assert pq.read_table(path).equals(pq.read_table(io.BytesIO(body)))
    else:
        assert path.read_bytes() == body
    found = manifest(path)
    assert found["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found["rows"], found["bytes"], found["state"]) == (4, path.stat().st_size, "complete")
    assert found["nuls_replaced"] == (1 if form == "csv" else 0)
    assert (found["parameters"]["lang"], found["coverage"]["minutes_with_data"]) == (["en", "-pt"], 3)
    assert sorted(file.name for file in tmp_path.iterdir() if file.name.startswith("out")) == [
        path.name,
        f"{path.name}.manifest.json",
    ]


@pytest.mark.parametrize("parts", [2, *(pytest.param(parts, marks=pytest.mark.slow) for parts in (3, 4, 5))])
def test_a_run_that_was_killed_goes_on(lake, small, path, monkeypatch, parts):
    hours(lake, 3)
    run(path)
    whole, ends = path.read_bytes(), told(path, "first_row", "last_row")
    path.unlink()
    go_on = kill_after(monkeypatch, parts)
    with pytest.raises(Killed):
        run(path)
    go_on()
    assert not path.exists()
    lake.flush(post("later", time_us=NOON_US + 10**10), delete("never", time_us=NOON_US + 10**10))
    run(path, "--resume")
    assert path.read_bytes() == whole
    assert manifest(path)["rows"] == 9
    assert manifest(path)["sha256"] == hashlib.sha256(whole).hexdigest()
    assert told(path, "first_row", "last_row") == ends
    assert None not in ends
    assert told(path, "truncated", "rows_hidden") == (False, 0)


@pytest.mark.parametrize(("dataset", "collection"), [("likes", "app.bsky.feed.like"), ("records", "x.y.z")])
def test_a_run_of_an_older_version_goes_on_or_begins_anew(lake, small, path, monkeypatch, dataset, collection):
    """Its state had no collection."""
    lake.flush(*(commit(collection, {}, rkey=f"k{n}", time_us=NOON_US) for n in range(6)))
    go_on = kill_after(monkeypatch, 2)
    with pytest.raises(Killed):
        run(path, f"--dataset={dataset}")
    go_on()
    saved = resumable_file.beside(path, "state.json")
    state = json.loads(saved.read_text())
    del state["resume"][1][2], state["ends"]
    saved.write_text(json.dumps(state))
    run(path, f"--dataset={dataset}", "--resume")
    assert manifest(path)["rows"] == 6
    assert (manifest(path)["first_row"] is None) == (dataset == "likes")  # which goes on: its first rows told no time
    assert len({row["id"] for row in csv.DictReader(path.read_text().splitlines())}) == 6


def test_a_limit_holds_for_both_runs_together(lake, small, path, monkeypatch):
    hours(lake, 3)
    go_on = kill_after(monkeypatch, 3)
    with pytest.raises(Killed):
        run(path, "--limit=5")
    go_on()
    run(path, "--limit=5", "--resume")
    assert texts(path) == ["h2 p2", "h2 p1", "h2 p0", "h1 p2", "h1 p1"]
    assert told(path, "truncated", "row_limit_by", "rows_hidden") == (True, "limit", None)


def test_nuls_of_both_runs_are_counted(lake, small, path, monkeypatch):
    lake.flush(*(post(f"\0{n}") for n in range(8)))
    go_on = kill_after(monkeypatch, 3)
    with pytest.raises(Killed):
        run(path)
    go_on()
    run(path, "--resume")
    assert manifest(path)["nuls_replaced"] == 8


@pytest.mark.parametrize("options", [["--format=parquet"], ["--sample=5", "--seed=s"]])
def test_what_can_not_go_on_begins_anew(lake, small, path, monkeypatch, options):
    hours(lake, 3)
    go_on = kill_after(monkeypatch, 2)
    with pytest.raises(Killed):
        run(path, *options)
    go_on()
    run(path, "--resume", *options)
    found = manifest(path)
    assert found["rows"] == (5 if "--sample=5" in options else 9)
    assert found["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()


def test_slips_are_told_in_the_manifest_and_on_the_terminal(lake, path):
    lake.flush(post("lake"))
    said = io.StringIO()
    options = ["--text=lake or house", "--since=2026-07-01", "--langs=en"]
    call_command("export_posts", f"--output={path}", *options, verbosity=0, stdout=said)
    (note,) = manifest(path)["notes"]
    assert f"Note: {note}\n" in said.getvalue()
    assert manifest(path)["parameters"]["start"] == "2026-07-01"


def test_nothing_is_overwritten_and_nothing_mixed(lake, small, path, monkeypatch):
    hours(lake, 2)
    go_on = kill_after(monkeypatch, 3)
    with pytest.raises(Killed):
        run(path)
    go_on()
    with pytest.raises(CommandError, match="continue it with --resume"):
        run(path)
    with pytest.raises(CommandError, match="of another export"):
        run(path, "--resume", "--text=p1")
    run(path, "--resume")
    with pytest.raises(CommandError, match="exists: remove it"):
        run(path)


def test_a_disk_that_gives_back_something_else_is_found_out(lake, path, monkeypatch):
    hours(lake, 1)
    monkeypatch.setattr(resumable_file.disk, "sha256", lambda path: "0" * 64)
    with pytest.raises(CommandError, match="does not give back"):
        run(path)
    assert not path.exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--start=soon"], "start: is not a date"),
        (["--username=nobody.example"], "nobody.example"),
        (["--dataset=x"], "dataset"),
    ],
)
def test_what_is_wrong_is_one_sentence(lake, path, settings, arguments, message):
    settings.APPVIEW_URL = ""
    with pytest.raises(CommandError, match=message):
        run(path, *arguments)
    assert not list(path.parent.glob("out*"))


@pytest.mark.slow
def test_a_real_kill(lake, path, tmp_path, lake_root, transactional_db):
    """SIGKILL in the middle, then --resume, in processes of their own."""
    for hour in range(3):
        lake.flush(*(post("lake " * 1_000, time_us=NOON_US + hour * 3_600_000_000 + n) for n in range(1_200)))
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite3")) as file:
        connection.connection.backup(file)
    environment = {
        **{name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        "DATABASE_PATH": str(tmp_path / "catalog.sqlite3"),
        "LAKE_ROOT": str(lake_root),
    }
    command = [sys.executable, "manage.py", "export_posts", f"--output={path}"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment)
    while process.poll() is None and not path.with_name("out.csv.state.json").exists():
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not path.exists()
    again = [*command, "--resume"]
    said = subprocess.run(again, cwd=ROOT, env=environment, check=True, timeout=100, capture_output=True).stdout
    assert b"Continues after" in said
    found = manifest(path)
    assert found["rows"] == 3_600 == len(texts(path))
    assert found["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
