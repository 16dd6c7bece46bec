"""A manifest that can't be used is one sentence, and no power cut leaves half of one."""

import json

import pytest

from lake.recovery import manifest
from lake.recovery.manifest import Entry, Manifest
from tests.lake.durable_steps import Steps


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("{", "is damaged"),
        ("[]", "is damaged"),
        ('{"version": 1}', "is damaged"),
        ('{"version": 7}', "has version 7"),
    ],
)
def test_a_manifest_that_is_none_is_one_sentence(world, raw, words):
    world.back_up()
    (world.backup / "manifest.json").write_text(raw)
    assert words in world.back_up()[1]
    assert words in world.restore()[1]


def test_a_manifest_can_not_reach_outside(world):
    world.back_up()
    made = json.loads((world.backup / "manifest.json").read_text())
    made["files"][0][0] = "../../elsewhere.parquet"
    (world.backup / "manifest.json").write_text(json.dumps(made))
    assert "lies outside" in world.restore()[1]


def test_a_manifest_is_durable_before_it_has_its_name(tmp_path, monkeypatch):
    steps = Steps(tmp_path, monkeypatch)
    manifest.write(tmp_path, Manifest("2026-07-01T12:00:00Z", Entry("catalog", 1, "0"), None, []))
    assert steps.done == [
        "synced manifest.json.tmp",
        "renamed manifest.json.tmp to manifest.json",
        "synced .",
    ]
