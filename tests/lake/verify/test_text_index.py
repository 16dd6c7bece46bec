"""verify_lake against text indexes: in them is what the files that they say hold, and nothing that is deleted."""

from datetime import timedelta
from itertools import chain

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lake.catalog import listing
from lake.compact.compactor import Compactor
from lake.compact.indexed_posts import read_posts
from lake.models import DataFile, IndexFile
from lake.storage.duckdb_engine import Engine
from lake.textindex import builder
from lake.verify import text_index
from lake.verify.checked_lake import CheckedLake
from lake.verify.findings import Report
from lake.verify.repair import repair
from lake.verify.text_index import TextIndexChecks, random_term
from tests.builders import BOB, NOON_US, delete, post

HOUR_US = 3_600_000_000


class World:
    """Two compacted hours of posts, one with a deleted post, and their index, as the compactor makes them."""

    def __init__(self, lake, scratch):
        self.root, self.engine = lake.root, Engine("300MB", 1)
        for hour in range(2):
            texts = [f"{word} number {hour} 東京の湖 ☃" for word in ("lake", "river", "sea", "")]
            lake.flush(*(post(text, time_us=NOON_US + hour * HOUR_US + n) for n, text in enumerate(texts)))
        lake.flush(post("gone", did=BOB, rkey="k", time_us=NOON_US))
        lake.flush(delete("k", did=BOB, time_us=NOON_US + 1))
        self.compactor = Compactor(self.root, scratch, 1, after=0, grace=9999, stop=lambda: False)
        self.compactor.prepare()
        self.compactor.round(daily=True, patient=False)
        self.paths = list(listing.files_of("posts").order_by("path").values_list("path", flat=True))
        self.index = IndexFile.listed.get()
        self.path = self.index.path

    def build(self, paths, **changed):
        """Another index in the place of the first, listed as that was."""
        texts = chain.from_iterable(read_posts(self.engine, self.root / path) for path in paths)
        built = builder.build(texts, self.root / self.path)
        facts = {**built._asdict(), **changed}
        IndexFile.objects.filter(pk=self.index.pk).update(**facts)

    def findings(self):
        tasks = TextIndexChecks(CheckedLake(self.root, self.engine, Report())).tasks()
        return [finding for task in tasks for finding in task.check()]

    def lines(self):
        return [str(finding) for finding in self.findings()]


@pytest.fixture
def world(lake, tmp_path):
    world = World(lake, tmp_path / "scratch")
    yield world
    world.engine.close()


def test_what_the_compactor_makes_is_in_order(world):
    assert [file.rows for file in listing.files_of("posts").order_by("path")] == [5, 4]
    assert world.lines() == []


@pytest.mark.parametrize("purge", [True, False])
def test_what_is_deleted_once_it_is_indexed_is_in_order(world, lake, purge):
    """Its file loses the created time with the text, so its index must have lost it too."""
    lake.flush(post("soon gone", did=BOB, rkey="soon", time_us=NOON_US + HOUR_US + 9))
    world.compactor.round(daily=True, patient=False)
    lake.flush(delete("soon", did=BOB, time_us=NOON_US + HOUR_US + 10))
    world.compactor.round(daily=True, patient=False, purge=purge)
    assert world.lines() == []


def test_an_index_of_other_rows_is_named(world):
    world.build(world.paths[::-1])
    assert all("does not find " in line or "stores " in line for line in world.lines())
    assert world.lines()


def test_an_index_of_fewer_rows_is_named(world):
    world.build(world.paths[1:])
    assert "covers 4 rows, the catalog says 4, its files hold 9" in world.lines()[0]


def test_a_deleted_row_that_is_still_found_is_named(world):
    """The index was made before the row lost its text: here, of a copy of the file in which no row is deleted."""
    path = world.root / world.paths[0]
    table = pq.ParquetFile(path).read()
    whole = table.set_column(table.column_names.index("state"), "state", pa.nulls(table.num_rows, pa.string()))
    pq.write_table(whole, world.root / "copy.parquet")
    world.build(["copy.parquet", world.paths[1]])
    (line,) = world.lines()
    assert f"finds {world.paths[0]} row " in line
    assert "which is deleted" in line


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda path: path.unlink(), "is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "is damaged: its size or sha256"),
        (lambda path: path.write_bytes(b"x" + path.read_bytes()[1:]), "is damaged: its size or sha256"),
    ],
)
def test_damage_is_named_and_repaired(world, damage, words):
    damage(world.root / world.path)
    findings = world.findings()
    assert [words in str(finding) for finding in findings] == [True]
    ((_, done),) = repair(world.root, world.engine, findings)
    assert done == "rebuilt"
    assert world.lines() == []
    assert IndexFile.listed.count() == 1


def test_a_compacted_file_without_an_index_is_named_after_some_hours_and_repaired(world, monkeypatch):
    IndexFile.objects.all().delete()
    assert world.lines() == [], "it may still come"
    monkeypatch.setattr(text_index, "LAG", -timedelta(hours=1))
    findings = world.findings()
    assert [(finding.subject, finding.problem) for finding in findings] == [
        (path, "is in no index, so that searches read all of it") for path in world.paths
    ]
    list(repair(world.root, world.engine, findings))
    assert world.lines() == []


def test_an_index_of_a_file_that_is_no_more_is_named_after_some_hours(world, monkeypatch):
    DataFile.objects.filter(path=world.paths[0]).update(path=world.paths[0].replace("c-1", "c-2"))
    assert world.lines() == []
    monkeypatch.setattr(text_index, "LAG", -timedelta(days=100 * 365))
    assert f"{world.path}: covers {world.paths[0]}, which the catalog does not list" in world.lines()[0]


@pytest.mark.parametrize("text", [None, "", "\0", "a\0b", "湖", "long " * 50])
def test_a_random_term_is_a_part_of_the_text(text):
    term = random_term(text)
    assert term in (text or "")
    assert "\0" not in term
    assert len(term) <= 12


def test_a_text_that_is_stored_otherwise_than_in_its_file_is_named(world, monkeypatch):
    monkeypatch.setattr(text_index, "random_term", lambda _: "")
    path = world.root / world.paths[0]
    table = pq.ParquetFile(path).read()
    other = pa.array([text and text + "s" for text in table["text"].to_pylist()])
    pq.write_table(table.set_column(table.column_names.index("text"), "text", other), world.root / "copy.parquet")
    world.build(["copy.parquet", world.paths[1]])
    assert f"stores {world.paths[0]} row " in world.lines()[0]
    assert "as another one" in world.lines()[0]
