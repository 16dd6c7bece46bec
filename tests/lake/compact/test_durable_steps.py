"""A power cut after any step of a compaction loses nothing: what a step relies on is on the disk before it."""

from lake.catalog import commits
from lake.models import DataFile, IndexFile
from lake.storage import layout
from tests.builders import like, post
from tests.lake.compact.compacting import make
from tests.lake.durable_steps import Steps


def test_each_step_of_a_compaction_is_durable_before_the_next(lake, lake_root, monkeypatch):
    lake.flush(like("at://x/y/z"))
    compactor = make(lake_root, grace=3600)
    compactor.prepare()
    steps = Steps(lake_root, monkeypatch)
    steps.note(commits, "swap", "swapped")
    compactor.round(patient=False)
    old, new = DataFile.superseded.get().path, DataFile.listed.get().path
    folder, _, name = new.rpartition("/")
    assert steps.done == [
        f"synced {folder}/.{name}.tmp",
        f"renamed {folder}/.{name}.tmp to {folder}/{name}",
        f"synced {folder}",
        "swapped",
        "synced .lake.json.tmp",
        "renamed .lake.json.tmp to .lake.json",
        "synced .",
        f"renamed {old} to {layout.superseded_place(old)}",
    ]


def test_an_index_is_durable_before_it_is_listed(lake, lake_root, monkeypatch):
    lake.flush(post())
    compactor = make(lake_root, grace=3600)
    steps = Steps(lake_root, monkeypatch)
    steps.note(IndexFile.objects, "create", "listed")
    compactor.round(patient=False)
    path = IndexFile.objects.get().path
    steps_of_it = [step for step in steps.done if step in (f"synced {path}", "synced .index", "listed")]
    assert steps_of_it == [f"synced {path}", "synced .index", "listed"]
