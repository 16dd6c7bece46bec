"""A power cut after any step of a flush loses nothing: what a step relies on is on the disk before it."""

import os

from lake.catalog import commits
from lake.models import DataFile
from tests.builders import post
from tests.lake.durable_steps import Steps


def test_each_step_of_a_flush_is_durable_before_the_next(lake, monkeypatch):
    lake.flusher.prepare()
    steps = Steps(lake.root, monkeypatch)
    steps.note(commits, "commit", "committed")
    steps.note(lake.buffer, "trim", "trimmed")
    lake.flush(post())
    folder, _, name = DataFile.objects.get().path.rpartition("/")
    parents = [".", *(folder[:at] for at, sign in enumerate(folder) if sign == "/")]
    assert steps.done == [
        *(f"synced {parent}" for parent in parents),
        f"synced {folder}/.{name}.tmp",
        f"renamed {folder}/.{name}.tmp to {folder}/{name}",
        f"synced {folder}",
        "committed",
        "synced .lake.json.tmp",
        "renamed .lake.json.tmp to .lake.json",
        "synced .",
        "trimmed",
    ]


def test_what_was_written_after_the_last_sync_is_seen(lake_root, monkeypatch):
    steps = Steps(lake_root, monkeypatch)
    with (lake_root / "a").open("w") as file:
        file.write("kept in memory")
        os.fsync(file.fileno())
    (lake_root / "a").rename(lake_root / "b")
    assert steps.done == ["synced a", "renamed unsynced a to b"]
