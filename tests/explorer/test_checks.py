"""Settings that are wrong together are named before anything starts, with what to do."""

import pytest
from django.core.checks import run_checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from ingest.management.commands.consume_jetstream import Command


def found():
    """Our own checks' findings, by id."""
    return {message.id: message for message in run_checks(tags=["ingest", "lake", "api"])}


def test_the_defaults_are_in_order(settings):
    assert found() == {}


@pytest.mark.parametrize(
    ("id_", "changed", "words"),
    [
        ("ingest.E001", {"JETSTREAM_COLLECTIONS": [f"a.b.c{n}" for n in range(101)]}, "names 101 collections"),
        ("ingest.E002", {"METRICS_PORT_CONSUMER": 9102}, "METRICS_PORT_CONSUMER and METRICS_PORT_FLUSHER are all 9102"),
        ("ingest.E002", {"METRICS_PORT_FLUSHER": 8000}, "METRICS_PORT_FLUSHER and WEB_PORT are all 8000"),
        ("ingest.W001", {"BUFFER_HIGH_WATER": 0.95}, "BUFFER_HIGH_WATER=0.95 leaves Redis little"),
        ("api.W001", {"DEBUG": True, "ALLOWED_HOSTS": ["localhost", "example.org"]}, "has example.org: strangers"),
        ("api.W001", {"DEBUG": True, "ALLOWED_HOSTS": ["*"]}, "has *: strangers"),
    ],
)
def test_settings_that_do_not_go_together(settings, id_, changed, words):
    for name, value in changed.items():
        setattr(settings, name, value)
    messages = found()
    assert set(messages) == {id_}
    assert words in messages[id_].msg
    assert messages[id_].hint


def test_settings_that_do(settings):
    settings.METRICS_PORT_CONSUMER = settings.METRICS_PORT_FLUSHER = 0
    settings.JETSTREAM_COLLECTIONS = [f"a.b.c{n}" for n in range(100)] * 2
    settings.DEBUG, settings.ALLOWED_HOSTS = True, ["localhost", "127.0.0.1", "demo.localhost"]
    assert found() == {}
    settings.DEBUG, settings.ALLOWED_HOSTS = False, ["example.org"]
    assert found() == {}


def test_places_that_are_not_there(settings, tmp_path):
    settings.LAKE_ROOT = tmp_path / "new"
    assert found() == {}, "the flusher makes it"
    settings.LAKE_ROOT = tmp_path / "unmounted" / "lake"
    assert found()["lake.E001"].hint == f"Mount or create {tmp_path / 'unmounted'}."
    settings.LAKE_ROOT = tmp_path / "file"
    settings.LAKE_ROOT.write_text("")
    assert found()["lake.E001"].msg.endswith("is a file.")


def test_a_catalog_in_the_wrong_place(settings, tmp_path):
    settings.LAKE_ROOT = tmp_path / "lake"
    settings.LAKE_ROOT.mkdir()
    settings.DATABASE_PATH = tmp_path / "unmounted" / "catalog.sqlite3"
    assert set(found()) == {"ingest.E003"}
    settings.DATABASE_PATH = tmp_path / "lake" / "catalog.sqlite3"
    assert set(found()) == {"lake.E003"}
    settings.DATABASE_PATH = tmp_path / "lake-catalog.sqlite3"
    assert found() == {}


def test_a_backup_in_the_wrong_place(settings, tmp_path):
    settings.LAKE_ROOT = tmp_path / "lake"
    settings.BACKUP_DIR = str(tmp_path / "unmounted" / "backup")
    assert found() == {}, "its disk may be mounted later"
    settings.BACKUP_DIR = str(tmp_path / "lake" / "backup")
    assert found()["lake.E004"].msg.startswith(f"BACKUP_DIR {tmp_path}/lake/backup and LAKE_ROOT")


def test_an_error_stops_a_command(settings, tmp_path):
    settings.LAKE_ROOT = tmp_path / "unmounted" / "lake"
    with pytest.raises(SystemCheckError, match=r"lake\.E001"):
        call_command("flush_buffer", "--once", skip_checks=False)


def test_a_lake_that_is_away_does_not_stop_the_consumer():
    assert Command.requires_system_checks == ["ingest"]
