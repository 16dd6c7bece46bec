"""All nine datasets against a plain reading of the same events: walks, exports, totals, timelines, samples, lookups.

The worlds are small and collide: few accounts, few keys, one rev in several collections, deletes before their creates.
"""

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lake.compact.compactor import Compactor
from lake.export.columns import column_names
from lake.export.formats import new_format
from lake.export.rows import ExportRows
from lake.export.spec import export_spec
from lake.models import BatchRun, CatalogIdentity, DataFile, InactiveAccount, Tombstone
from lake.query.spec import Search
from lake.scan import paged_scan
from lake.scan.snapshot import pin_snapshot
from lake.search import sample
from lake.search.aggregates import timeline
from lake.search.by_uri import look_up
from lake.search.reader import Reader
from lake.storage import layout
from lake.storage.duckdb_engine import Engine
from process.instants import now_us
from tests.builders import ALICE, BOB, NOON_US, POST, account, commit, identity, tid
from tests.examples import one_in
from tests.oracle.visibility import World, sampled
from tests.oracle.wire import COLLECTIONS, DATASETS

HOUR_US = 3_600_000_000
PATIENCE = 60
REPEATED = 5  # events that come again, as after a reconnect
LIKE = "app.bsky.feed.like"
NAMES = [*COLLECTIONS, "x.y.one", "x.y.two"]
DIDS = st.sampled_from([ALICE, BOB])
MOMENTS = st.tuples(st.integers(0, 3), st.integers(0, 2)).map(lambda at: NOON_US + at[0] * HOUR_US + at[1])
REVS = st.sampled_from(["3a", "3b", "3c", "3d"])
KEYS = st.sampled_from(["self", "k"])
COMMITS = st.tuples(
    st.sampled_from(["create", "create", "update", "delete"]), DIDS, st.sampled_from(NAMES), KEYS, REVS, MOMENTS
)
STATES = st.tuples(st.sampled_from([None, "deactivated", "deleted", "takendown"]), DIDS, MOMENTS)
HANDLES = st.tuples(st.just("identity"), DIDS, MOMENTS)
STEPS = st.sampled_from(["flush", "compact", "forget", "pin", "repeat"])
SCRIPTS = st.lists(st.one_of(COMMITS, COMMITS, COMMITS, COMMITS, COMMITS, STATES, HANDLES, STEPS), max_size=40)


def frame(step, number):
    match step:
        case (operation, did, collection, rkey, rev, us):
            return commit(collection, record(collection, number), operation, did, us, rkey, rev)
        case ("identity", did, us):
            return identity("a.example", did, us, number)
        case (status, did, us):
            return account(status is None, status, did, us, number, f"2026-07-01T12:00:{number % 60:02}Z")
    raise ValueError(step)


def record(collection, number):
    subject = {"uri": "at://x/y", "cid": "c"}
    return {"$type": collection, "createdAt": "2026-07-01T12:00:00.000Z", "subject": subject, "text": f"text {number}"}


def once(script):
    """Without a second version of one rev, and without a second delete of one."""
    known = set()
    for step in script:
        key = (step[0] == "delete", *step[1:5]) if len(step) == 6 and isinstance(step, tuple) else None
        if key is None or key not in known:
            yield step
        known.add(key)


class Stage:
    """A lake and the model of it, side by side."""

    def __init__(self, lake, root):
        self.lake, self.world, self.waiting, self.sent = lake, World(), [], []
        self.reader = Reader(Engine("300MB", 1), root)
        self.compactor = Compactor(root, root / layout.SCRATCH, 1, 0, 0, lambda: False)

    def play(self, script):
        """The pinned searches of the script."""
        pinned = []
        for number, step in enumerate(once(script)):
            if step == "pin":
                pinned += [pin_snapshot(asked(dataset)) for dataset in DATASETS]
            elif step == "flush":
                self.flush()
            elif step == "repeat":
                self.waiting += self.sent[-REPEATED:]
            elif step in ("compact", "forget"):
                self.compact(step)
            else:
                self.waiting.append(frame(step, number))
                self.sent.append(self.waiting[-1])
        self.flush()
        return pinned

    def compact(self, step):
        """And forget what the files say by now."""
        self.flush()
        self.compactor.round(daily=True, patient=False)
        self.world.compact()
        if step == "forget":
            Tombstone.objects.exclude(applied_at=None).update(applied_at=datetime.now(UTC) - timedelta(days=5))
            self.compactor.round(daily=True, patient=False)

    def flush(self):
        if self.waiting:
            self.lake.flush(*self.waiting)
            self.world.add(*self.waiting)
        self.waiting = []


def asked(dataset, **fields):
    return Search(dataset=dataset, timeout=PATIENCE, **fields)


def walked(reader, search, limit):
    """All hits, page by page."""
    start, hits, hidden = None, [], 0
    while True:
        page = reader.find(search, limit, start=start)
        hits += page.hits
        hidden += page.hidden
        if (start := page.next) is None:
            return [key_of(search, hit) for hit in hits], hidden


def must_have_texts(stage, search, rows):
    """Of posts: what the author wrote."""
    hits = stage.reader.find(search, max(1, len(rows))).hits
    assert [hit.fields["text"] for hit in hits] == [stage.world.text(row) for row in rows]


def key_of(search, hit):
    return hit.seen_us, hit.key.did, hit.collection, hit.key.rkey, hit.key.version


def exported(reader, search):
    spec = export_spec(search, column_names(search.dataset), (), None, (None, "", None))
    parts = ExportRows(reader, spec, new_format("parquet", spec.columns), lambda dids: {})
    return [row["id"] for part in parts for row in part.rows.select(["id"]).to_pylist()]


def must_agree(stage, search, limits=(1, 2, 3, 7)):
    reader, rows = stage.reader, stage.world.shown(search.dataset, search.snapshot_us)
    ordered = [row[:5] for row in (reversed(rows) if search.newest else rows)]
    uris = [row.uri for row in (reversed(rows) if search.newest else rows)]
    every = [
        row
        for row in stage.world.rows
        if row.dataset == search.dataset and stage.world.exists[row] <= search.snapshot_us
    ]
    if search.dataset == "posts":
        must_have_texts(stage, search, list(reversed(rows)) if search.newest else rows)
    for limit in limits:
        assert walked(reader, search, limit) == (ordered, len(every) - len(rows)), (search.dataset, limit)
    assert exported(reader, search) == uris, search.dataset
    assert reader.full_scan.count(search, PATIENCE) == (len(rows), "eq"), search.dataset
    buckets = timeline(reader.full_scan, search, "hour")
    assert (sum(b.hits for b in buckets), sum(b.all for b in buckets)) == (len(rows), len(rows)), search.dataset
    drawn = [key_of(search, hit) for hit in sample.draw(reader.full_scan, search, 3, "s")]
    assert drawn == [row[:5] for row in sampled(rows, "s", 3)]


def must_agree_by_created(stage, newest):
    """All records claim the same time."""
    search = pin_snapshot(asked("records", clock="created", newest=newest))
    rows = sorted(stage.world.shown("records", search.snapshot_us), key=lambda row: row[1:5], reverse=newest)
    assert walked(stage.reader, search, 1)[0] == [row[:5] for row in rows]
    assert exported(stage.reader, search) == [row.uri for row in rows]


def must_be_found(stage):
    """Every post that the world knows, and one that it does not."""
    world = stage.world
    uris = {row.uri for row in world.rows if row.collection == "app.bsky.feed.post"} | {
        f"at://{ALICE}/app.bsky.feed.post/no"
    }
    found = look_up(stage.reader.scanner, sorted(uris), PATIENCE)
    states = {hit.uri: key_of(asked("posts"), hit) for hit in found.hits}
    for word in ("deleted", "hidden", "purged", "unknown"):
        states |= dict.fromkeys(getattr(found, word), word)
    expected = {uri: world.state_of(uri, now_us() + 2 * HOUR_US) for uri in uris}
    assert states == {uri: state if isinstance(state, str) else state[:5] for uri, state in expected.items()}


def clean(root):
    for model in (DataFile, BatchRun, Tombstone, InactiveAccount):
        model.objects.all().delete()
    CatalogIdentity.objects.update(clock_us=0)
    for folder in filter(Path.is_dir, root.iterdir()):  # the marker stays: it is the same catalog
        shutil.rmtree(folder)


def version(operation, collection, rev, us=0, rkey="k"):
    return operation, ALICE, collection, rkey, rev, NOON_US + us


def state(status, seq):
    return status, BOB if seq < 0 else ALICE, NOON_US + seq


WORLDS = {
    "updates of all kinds": [
        step
        for collection, rkey in [(POST, tid(NOON_US)), (LIKE, tid(NOON_US)), *((name, "self") for name in COLLECTIONS)]
        for step in (
            version("create", collection, tid(NOON_US), 0, rkey),
            version("update", collection, tid(NOON_US + 1), 1, rkey),
        )
    ],
    "updates that come first": [
        *(version("update", collection, "3b", 1) for collection in (POST, LIKE)),
        "flush",
        "pin",
        *(version("create", collection, "3a") for collection in (POST, LIKE)),
    ],
    "a post made again": [
        version("create", POST, "3a"),
        version("delete", POST, "3b", 1),
        version("create", POST, "3c", 2),
    ],
    "a post made again hours later, under a key of another day": [
        version("create", POST, tid(NOON_US), 0, tid(NOON_US - 24 * HOUR_US)),
        version("delete", POST, tid(NOON_US + 1), 1, tid(NOON_US - 24 * HOUR_US)),
        "compact",
        version("create", POST, tid(NOON_US + 2), 2 * HOUR_US, tid(NOON_US - 24 * HOUR_US)),
    ],
    "records of one commit": [version("create", f"x.y.{name}", "3a") for name in ("one", "two", "three")],
    "deletes of one commit": [version("delete", f"x.y.{name}", "3a") for name in ("one", "two", "three")],
    "a like made again": [
        version("create", LIKE, "3a"),
        version("delete", LIKE, "3b", 1),
        version("create", LIKE, "3c", 2),
    ],
    "a like whose delete was seen an hour before": [
        version("create", LIKE, tid(NOON_US - 2), 0, tid(NOON_US - 2)),
        version("delete", LIKE, tid(NOON_US - 1), 1 - HOUR_US, tid(NOON_US - 2)),
    ],
    "a like whose delete was seen in the hour before": [
        version("create", LIKE, tid(NOON_US - 2), 0, tid(NOON_US - 2)),
        version("delete", LIKE, tid(NOON_US - 1), -1, tid(NOON_US - 2)),
    ],
    "a like whose delete was seen a day before": [
        version("create", LIKE, tid(NOON_US - 2), 0),
        version("delete", LIKE, tid(NOON_US - 1), -24 * HOUR_US),
    ],
    "a deleted account that came back": [
        version("create", POST, "3a"),
        version("create", LIKE, "3a"),
        state("deleted", 1),
        "compact",
        state(None, 2),
    ],
    "a post deleted before its account": [
        version("create", POST, "3a"),
        version("delete", POST, "3b", 1),
        state("deactivated", 2),
    ],
    "a takedown in force": [version("delete", POST, "3a"), state("takendown", 1)],
}


@pytest.mark.parametrize("name", WORLDS)
def test_what_shows_of_a_small_world(lake, lake_root, name):
    stage = Stage(lake, lake_root)
    pinned = stage.play(WORLDS[name])
    must_all_agree(stage, pinned)
    stage.play(["forget"])
    must_all_agree(stage, pinned)


def must_all_agree(stage, pinned):
    there = {row.dataset for row in stage.world.rows}
    for search in [*pinned, *(pin_snapshot(asked(dataset)) for dataset in DATASETS)]:
        if search.dataset in there:
            must_agree(stage, search, (1,))
    must_be_found(stage)


@settings(one_in(20), phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(script=SCRIPTS, newest=st.booleans())
def test_what_shows_of_each_dataset_is_what_the_events_say(lake, lake_root, monkeypatch, script, newest):
    monkeypatch.setattr(paged_scan, "FIRST_ROWS", 2)
    clean(lake_root)
    stage = Stage(lake, lake_root)
    for search in stage.play(script):
        must_agree(stage, search, (2,))
    for dataset in DATASETS:
        must_agree(stage, pin_snapshot(asked(dataset, newest=newest)))
    must_agree_by_created(stage, newest)
    must_be_found(stage)
