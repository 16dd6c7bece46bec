"""The same question as of the same moment gives the same rows, less those that were deleted or hidden since: whatever
comes late, whatever is compacted and purged, also with another process and with a catalog made anew from the files."""

from typing import NamedTuple

import pytest
from django.core.management import call_command
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from ingest.models import Checkpoint
from lake.catalog import clock
from lake.compact.compactor import Compactor
from lake.flush.flusher import Flusher
from lake.models import BatchRun, CatalogIdentity, DataFile, InactiveAccount, IndexFile, Tombstone
from lake.query.parser import parse
from lake.query.spec import Search
from lake.scan import paged_scan
from lake.scan.snapshot import pin_snapshot
from lake.search.reader import Reader
from lake.storage import layout
from lake.storage.duckdb_engine import Engine
from tests.builders import ALICE, NOON_US, POST, post, tid
from tests.examples import one_in
from tests.lake.search.test_all_datasets import (
    COMMITS,
    HANDLES,
    LIKE,
    PATIENCE,
    STATES,
    Stage,
    asked,
    clean,
    exported,
    frame,
    once,
    state,
    version,
    walked,
)
from tests.oracle.wire import DATASETS, EVENTS

MODELS = (IndexFile, DataFile, BatchRun, Tombstone, InactiveAccount, Checkpoint, CatalogIdentity)
STEPS = st.sampled_from(["flush", "flush", "compact", "forget", "restart", "rebuild"])
SCRIPTS = st.lists(st.one_of(COMMITS, COMMITS, COMMITS, COMMITS, STATES, HANDLES, STEPS), max_size=30)


class Answer(NamedTuple):
    """Rows by their place in the total order; `away`: accounts that were not active when it was given."""

    search: Search
    rows: list
    away: set


class Ageing(Stage):
    """Asks everything after each step, and remembers what it was told."""

    def __init__(self, lake, root):
        super().__init__(lake, root)
        self.answers = []

    def play(self, script):
        for number, step in enumerate([*once(script), "flush"]):
            if step in ("flush", "compact", "forget", "restart", "rebuild"):
                getattr(self, step, lambda: None)() if step not in ("compact", "forget") else self.compact(step)
                self.ask()
            else:
                self.waiting.append(frame(step, number))

    def restart(self):
        self.flush()
        self.lake.flusher = Flusher(self.lake.buffer, self.lake.root, max_events=100_000)
        self.lake.flusher.prepare()
        self.compactor = Compactor(self.lake.root, self.lake.root / layout.SCRATCH, 1, 0, 0, lambda: False)
        self.compactor.prepare()
        self.reader = Reader(Engine("300MB", 1), self.lake.root)

    def rebuild(self):
        self.flush()
        for model in MODELS:
            model.objects.all().delete()
        call_command("rebuild_catalog")
        self.restart()

    def ask(self):
        if clock.present_us() is None:
            return
        away = {did for did in self.world.states if self.world.inactive(did)}
        there = {row.dataset for row in self.world.rows}
        for search in (pin_snapshot(asked(dataset)) for dataset in DATASETS if dataset in there):
            if search not in [answer.search for answer in self.answers]:
                self.answers.append(Answer(search, walked(self.reader, search, 3)[0], away))

    def gone(self):
        """Rows that are deleted or hidden, whenever."""
        world = self.world
        deletes = [row for row in world.rows if row.operation == "delete"]
        return {
            row[:5]
            for row in world.rows
            if row.dataset not in EVENTS
            and (
                world.inactive(row.did)
                or row in world.purged
                or any(delete.name == row.name and delete.version > row.version for delete in deletes)
            )
        }

    def must_repeat(self):
        gone = self.gone()
        for search, rows, away in self.answers:
            kept = [row for row in rows if row not in gone]
            again = walked(self.reader, search, 2)[0]
            assert [row for row in again if row[1] not in away] == [row for row in kept if row[1] not in away]
            assert again == [row[:5] for row in reversed(self.world.shown(search.dataset, search.snapshot_us))]
            assert self.reader.full_scan.count(search, PATIENCE) == (len(again), "eq")
            assert len(exported(self.reader, search)) == len(again)


def post_at(us, rev, operation="create", rkey="k"):
    return operation, ALICE, POST, rkey, rev, NOON_US + us


LATE = [
    *(post_at(9, "3a"), post_at(1, "3a", rkey="self"), "flush"),
    *(post_at(5, "3b", "update"), post_at(3, "3c", rkey="self"), "flush"),
]
WORLDS = {
    "a late row": [post_at(9, "3a"), "flush", post_at(5, "3a", rkey="self"), "flush"],
    "late newer versions": LATE,
    "late newer versions, compacted in between": [*LATE[:3], "compact", *LATE[3:], "compact", "forget"],
    "late newer versions, in a rebuilt catalog": [
        *LATE,
        "rebuild",
        "compact",
        "rebuild",
        post_at(2, "3d", rkey="self"),
    ],
    "a late delete": [post_at(9, "3a"), "flush", ("delete", ALICE, POST, "k", "3b", NOON_US + 5), "compact"],
    "late updates of a like": [
        *(version("create", LIKE, tid(NOON_US), 0, tid(NOON_US)), post_at(9, "3a"), "flush"),
        *(version("update", LIKE, tid(NOON_US + 1), 1, tid(NOON_US)), "flush", "compact", "rebuild"),
    ],
    "an account that leaves and comes back": [
        *(post_at(1, "3a"), "flush", state("deactivated", 2), "flush", post_at(9, "3b", rkey="self"), "flush"),
        *(state(None, 3), "flush"),
    ],
}


@pytest.fixture(autouse=True)
def database_path(settings, tmp_path):
    settings.DATABASE_PATH = tmp_path / "catalog.sqlite3"


@pytest.mark.parametrize("name", WORLDS)
def test_answers_of_a_small_world_stay_the_same(lake, lake_root, name):
    stage = Ageing(lake, lake_root)
    stage.play(WORLDS[name])
    stage.must_repeat()


@settings(one_in(10), phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(script=SCRIPTS)
@example(script=WORLDS["late newer versions, in a rebuilt catalog"])
def test_answers_stay_the_same_but_for_what_is_deleted(lake, lake_root, monkeypatch, script):
    monkeypatch.setattr(paged_scan, "FIRST_ROWS", 2)
    clean(lake_root)
    stage = Ageing(lake, lake_root)
    stage.play(script)
    stage.must_repeat()


def test_late_posts_that_an_index_picks_are_read_from_their_file(lake, lake_root):
    """An index stores no late rows: it does not know from when on they exist."""
    stage = Ageing(lake, lake_root)
    lake.flush(*(post(f"lake {n}", rkey=f"k{n}", time_us=NOON_US + 10 * n) for n in range(5)))
    before = pin_snapshot(Search(parse("lake"), timeout=PATIENCE))
    lake.flush(*(post(f"lake late {n}", rkey=f"l{n}", time_us=NOON_US + 10 * n + 5) for n in range(4)))
    stage.compactor.round(daily=True, patient=False)
    assert IndexFile.listed.count() == 1
    assert [row[3] for row in walked(stage.reader, before, 2)[0]] == [f"k{n}" for n in (4, 3, 2, 1, 0)]
    assert stage.reader.full_scan.count(before, PATIENCE) == (5, "eq")
    after = pin_snapshot(Search(parse("lake late"), timeout=PATIENCE))
    assert [row[3] for row in walked(stage.reader, after, 2)[0]] == [f"l{n}" for n in (3, 2, 1, 0)]
