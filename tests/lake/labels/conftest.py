import pytest


@pytest.fixture(autouse=True)
def beside_the_catalog(tmp_path, settings):
    """Where locks and the lists of wrong rows go."""
    settings.DATABASE_PATH = tmp_path / "catalog.sqlite3"
