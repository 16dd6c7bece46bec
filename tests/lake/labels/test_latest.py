"""Random labels of posts that come, change and go, with compaction in between: the latest label of each post, name and
model is the one that a plain reading of the same steps gives."""

import shutil
from datetime import datetime, timedelta

import pyarrow as pa
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from lake.compact.compactor import Compactor
from lake.label_models import WaitingLabel
from lake.labels.checks import LabelChecks
from lake.labels.source import COLUMNS
from lake.labels.waiting import Joiner, accept_labels
from lake.models import BatchRun, CatalogIdentity, DataFile, IndexFile, Tombstone
from lake.storage import layout
from lake.verify.checked_lake import CheckedLake
from lake.verify.deletions import DeletionChecks
from lake.verify.duplicates import DuplicateChecks
from lake.verify.files import FileChecks
from lake.verify.findings import Report
from tests.builders import ALICE, NOON_US, delete, post
from tests.conftest import Lake
from tests.examples import one_in

DAY = datetime.fromisoformat("2026-07-02T00:00:00")
POSTS = ("one", "two", "three")
NAMES, MODELS, SCORES = ("toxic", "lang"), (None, "m"), (None, 0.25, 0.75)

LABEL = st.tuples(
    st.sampled_from(POSTS), st.sampled_from(NAMES), st.sampled_from(MODELS), st.sampled_from(SCORES), st.integers(0, 2)
)
STEP = st.one_of(
    st.lists(LABEL, min_size=1, max_size=5),
    st.tuples(st.just("post"), st.sampled_from(POSTS)),
    st.tuples(st.just("delete"), st.sampled_from(POSTS)),
    st.just("join"),
    st.just("compact"),
)


class Model:
    """`labels`: by the post's version, in order of arrival. `waiting`: what was accepted and not joined."""

    def __init__(self):
        self.version, self.labels, self.waiting = {}, {}, []

    def join(self):
        left = []
        for label in self.waiting:
            if version := self.version.get(label[0]):
                known = self.labels.setdefault((label[0], version), [])
                known += [] if label in known else [label]
            else:
                left.append(label)
        self.waiting = left

    def latest(self):
        found = {}
        for rkey, version in self.version.items():
            for place, (_, name, model, score, day) in enumerate(self.labels.get((rkey, version), ())):
                key = rkey, name, model
                found[key] = max(found.get(key, ((-1, -1), None)), ((day, place), score), key=lambda pair: pair[0])
        return {key: score for key, (_, score) in found.items()}


LATEST = """SELECT rkey, name, model, arg_max(struct_pack(s := score), (labelled_at, arrival)).s
    FROM lake_rows($1) AS l WHERE name IS NOT NULL AND (did, rkey, rev) IN (SELECT (did, rkey, rev) FROM shown)
    GROUP BY rkey, name, model"""


class Stage:
    def __init__(self, lake):
        self.lake, self.model, self.clock = lake, Model(), 0
        self.joiner = Joiner(lake.engine, lake.root)
        self.compactor = Compactor(lake.root, lake.root / layout.SCRATCH, 1, 0, 0, lambda: False)

    def play(self, step):
        if isinstance(step, list):
            self.label(step)
        elif step == "join":
            self.joiner.run()
            self.model.join()
        elif step == "compact":
            self.compactor.round(daily=True, patient=False)
        else:
            self.change(*step)

    def label(self, labels):
        times = [(DAY + timedelta(days=day)).isoformat() for *_, day in labels]
        rows = [
            dict(
                zip(
                    COLUMNS,
                    (f"at://{ALICE}/app.bsky.feed.post/{rkey}", name, score, None, model, None, at),
                    strict=True,
                )
            )
            for (rkey, name, model, score, _), at in zip(labels, times, strict=True)
        ]
        assert accept_labels(rows) == []
        self.model.waiting += labels

    def change(self, what, rkey):
        """A post that comes or changes, at most two in an hour, or goes."""
        self.clock += 1
        time_us, rev = NOON_US + self.clock * 1_800_000_000, f"3k{self.clock:011}"
        if what == "post":
            operation = "update" if rkey in self.model.version else "create"
            self.lake.flush(post(f"text {rev}", operation, rkey=rkey, rev=rev, time_us=time_us))
            self.model.version[rkey] = rev
        else:
            self.lake.flush(delete(rkey, rev=rev, time_us=time_us))
            self.model.version.pop(rkey, None)

    def latest(self):
        """Of the versions that the model says show; what shows is tested elsewhere."""
        files = DataFile.listed.filter(dataset="labels")
        paths = [str(self.lake.root / file.path) for file in files]
        if not paths:
            return {}
        rows = [(ALICE, *version) for version in self.model.version.items()]
        columns = zip(*rows, strict=True) if rows else ((), (), ())
        arrays = [pa.array(column, pa.string()) for column in columns]
        shown = pa.table(arrays, names=["did", "rkey", "rev"])
        return {tuple(row[:3]): row[3] for row in self.lake.engine.rows(LATEST, [paths], shown=shown)}


def findings(lake):
    report = Report()
    checked = CheckedLake(lake.root, lake.engine, report)
    groups = (
        FileChecks(checked, 1),
        DuplicateChecks(checked),
        DeletionChecks(checked, purge_deleted=True),
        LabelChecks(checked),
    )
    return [finding for checks in groups for task in checks.tasks() for finding in task.check()]


def clean(root):
    for model in (DataFile, IndexFile, BatchRun, Tombstone, WaitingLabel, CatalogIdentity):
        model.objects.all().delete()
    shutil.rmtree(root)
    root.mkdir()


SCRIPT = [
    ("post", "one"),
    [("one", "toxic", "m", 0.25, 1), ("one", "toxic", "m", 0.75, 1), ("two", "lang", None, None, 0)],
    "join",
    "compact",
    [("one", "toxic", "m", 0.25, 1), ("one", "lang", "m", 0.25, 2)],
    ("post", "two"),
    "join",
    ("post", "one"),
    [("one", "lang", "m", 0.75, 1)],
    "join",
    ("delete", "two"),
    "compact",
    [("one", "lang", "m", 0.25, 0), ("two", "lang", None, 0.25, 1)],
]


@example(SCRIPT)
@settings(one_in(50), phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.lists(STEP, min_size=3, max_size=12))
def test_the_latest_label_is_the_models(lake, lake_root, steps):
    clean(lake_root)
    stage = Stage(Lake(lake.buffer, lake_root))
    for step in [*steps, "join"]:
        stage.play(step)
        assert stage.latest() == stage.model.latest()
    stage.play("compact")
    assert stage.latest() == stage.model.latest()
    assert WaitingLabel.objects.count() == len(stage.model.waiting)
    assert findings(stage.lake) == []
