"""The examples of docs/files.md, run as they stand over a lake that has everything that must not show."""

import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import duckdb
import pytest
from django.db import connection

from lake.compact.compactor import Compactor
from lake.models import DataFile
from tests.builders import ALICE, BOB, NOON_US, account, delete, like, post

PAGE = Path(__file__).parent.parent / "docs" / "files.md"
HOUR_US = 3_600_000_000
CAROL = "did:plc:carolccccccccccccccccccc"
URI = f"at://{ALICE}/app.bsky.feed.post/one"


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def fill(lake, scratch):
    """An hour that is compacted, with states in its rows, and one that is not, with tombstones only in the catalog."""
    lake.flush(
        post("Lake one", rkey="one"),
        post("lake gone", rkey="gone"),
        post("old text", rkey="changed"),
        post("lake new text", "update", rkey="changed", langs=["pt", "en"]),
        like(URI),
        like(URI, did=BOB),
    )
    lake.flush(delete("gone"))
    old = DataFile.objects.filter(dataset="posts").first()
    shutil.copyfile(lake.root / old.path, lake.root / "kept-for-later")
    compactor = Compactor(lake.root, scratch, 1, after=0, grace=9999, stop=lambda: False)
    compactor.prepare()
    compactor.round(daily=True, patient=False)
    later = NOON_US + HOUR_US
    lake.flush(
        post("lake two", did=BOB, rkey="two", time_us=later),
        post("lake dead", did=BOB, rkey="dead", time_us=later),
        post("lake before", did=BOB, rkey="edited", time_us=later),
        post("lake of an account that left", did=CAROL, time_us=later),
        account(False, "deactivated", did=CAROL, time_us=later),
    )
    lake.flush(
        delete("dead", did=BOB, time_us=later + 9),
        post("lake after", "update", did=BOB, rkey="edited", time_us=later + 9),
    )
    # A swap that has just happened: the old file is still there.
    (lake.root / "kept-for-later").rename(lake.root / old.path)
    assert (lake.root / ".superseded").is_dir()
    (lake.root / Path(old.path).parent / ".c-9.parquet.tmp").write_bytes(b"growing")


@pytest.fixture
def results(lake, tmp_path, settings, monkeypatch):
    """What the examples' variables are after the last of them."""
    fill(lake, tmp_path / "scratch")
    demo = tmp_path / "var" / "demo"
    demo.mkdir(parents=True)
    lake.root.rename(demo / "lake")
    with (
        closing(sqlite3.connect(":memory:")) as copy,
        closing(sqlite3.connect(demo / "catalog.sqlite3")) as file,
    ):
        copy.deserialize(connection.connection.serialize())
        file.execute("PRAGMA journal_mode = WAL")
        copy.backup(file)
    monkeypatch.chdir(tmp_path)
    names = {}
    for number, block in enumerate(blocks("python"), 1):
        exec(compile(block, f"{PAGE.name}, example {number}", "exec"), names)
    yield names
    duckdb.default_connection().close()


VISIBLE = ["Lake one", "lake after", "lake new text", "lake two"]


def test_the_examples_give_what_they_promise(results):
    assert len(results["day"]) == 3
    assert [row[2] for row in results["visible"]] == VISIBLE
    assert [row[2] for row in results["deduplicated"]] == VISIBLE
    assert sorted(results["posts"]["text"]) == VISIBLE
    assert results["per_hour"].tolist() == [2, 2]
    assert [str(hour) for hour in results["per_hour"].index] == [f"2026-07-01 {hour}:00:00+00:00" for hour in (12, 13)]
    assert results["by_language"].rows() == [("en", 4), ("pt", 1)]
    assert results["likes"] == [(URI, 2)]
    # without the catalog's tombstones these would show as well
    assert {row[2] for row in results["lakes"]} - set(VISIBLE) == {
        "lake dead", "lake before", "lake of an account that left",
    }  # fmt: skip
    assert results["posts_that_day"] == [(9,)]


def test_every_example_is_python_and_is_run():
    assert len(blocks("python")) == PAGE.read_text().count("```") // 2 >= 7
