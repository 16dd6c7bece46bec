import pytest

from tests.lake.compact.compacting import make


@pytest.fixture
def compactor(lake_root):
    return make(lake_root)
