"""A lake to back up."""

import pytest

from ingest.models import Checkpoint
from tests.builders import NOON_US
from tests.lake.recovery.world import World


@pytest.fixture
def world(db, tmp_path, lake_root, settings):
    """Files of a lake, whatever they hold, and their catalog as a file, as the service has it."""
    settings.DATABASE_PATH = tmp_path / "catalog.sqlite3"
    world = World(tmp_path, settings)
    for dataset in ("posts", "likes", "deletes", "accounts"):
        world.add(dataset, "f-1-0.parquet")
    Checkpoint.objects.create(time_us=NOON_US)
    world.save()
    return world
