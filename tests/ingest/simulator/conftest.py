"""A sample of a world, made once for all tests that read it."""

import json
from itertools import islice

import pytest

from ingest.simulator.world.world import World
from tests.ingest.simulator.sample import SAMPLE, START_US, is_post


@pytest.fixture(scope="module")
def moments():
    return list(islice(World(seed=7, start_us=START_US, per_second=474, users=2_000), SAMPLE))


@pytest.fixture(scope="module")
def parsed(moments):
    return [json.loads(frame) for _, frame in moments]


@pytest.fixture(scope="module")
def commits(parsed):
    return [event for event in parsed if event["kind"] == "commit"]


@pytest.fixture(scope="module")
def posts(commits):
    return [event["commit"]["record"] for event in commits if is_post(event) and "record" in event["commit"]]
