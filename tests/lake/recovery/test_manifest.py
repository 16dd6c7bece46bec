"""A manifest that can't be used is one sentence."""

import json

import pytest


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
