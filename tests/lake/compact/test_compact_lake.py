"""The command: once, as a dry run, and as a loop that takes up what the admin asks for."""

import pytest
from constance import config
from django.core.management import CommandError, call_command
from django.db.utils import OperationalError

from lake.compact.compactor import Compactor
from lake.management.commands import compact_lake
from lake.management.commands.compact_lake import loop
from lake.models import DataFile, Request
from process.signals import Stop
from tests.builders import NOON_US, delete, post
from tests.lake.compact.compacting import HOUR


@pytest.fixture(autouse=True)
def at_once(settings, tmp_path, monkeypatch):
    settings.COMPACT_AFTER_SECONDS = settings.SWEEP_GRACE_SECONDS = 0
    settings.DATABASE_PATH = tmp_path / "catalog.sqlite3"  # its lock is this test's own
    monkeypatch.setattr(Stop, "listen", lambda self: self)


def compacted():
    return [path.rpartition("/")[2].startswith("c-") for path in DataFile.objects.values_list("path", flat=True)]


def test_once_does_all_that_is_due(lake):
    lake.flush(post("one"))
    lake.flush(post("two"))
    call_command("compact_lake", "--once")
    assert compacted() == [True]


def test_a_dry_run_only_says_so(lake, capsys):
    lake.flush(post("one"))
    call_command("compact_lake", "--dry-run")
    assert capsys.readouterr().out == "compact posts 2026-07-01T12: 1 files, 1 rows, closed\n"
    assert compacted() == [False]
    assert sorted(path.name for path in lake.root.iterdir()) == [".lake.json", "posts"]


def test_a_lake_that_is_missing_is_one_sentence(lake):
    lake.flush(post("one"))
    lake.root.rename(lake.root.with_name("elsewhere"))
    with pytest.raises(CommandError, match=r"LAKE_ROOT .* is missing"):
        call_command("compact_lake", "--once")


def test_a_catalog_that_can_not_be_used_is_one_sentence(lake, monkeypatch):
    def locked(*args, **options):
        raise OperationalError("database is locked")

    monkeypatch.setattr(Compactor, "round", locked)
    with pytest.raises(CommandError, match=r"can't be used \(database is locked\)"):
        call_command("compact_lake", "--once")


def test_what_is_asked_for_is_done_at_once_and_answered(db, monkeypatch):
    monkeypatch.setattr(compact_lake, "ROUND_SECONDS", 0)
    stop, rounds = Stop(), []

    def round_(daily, patient, purge, pause):
        rounds.append((daily, patient))
        if len(rounds) == 2:
            Request.objects.create(kind="compact")
        if len(rounds) == 3:
            stop.set()
        return 7

    Request.objects.create(kind="flush")
    stop.wait = lambda seconds: None
    loop(stop, round_, lambda: None)
    assert rounds[0] == (True, True)  # a pass is due, for there never was one
    assert rounds[1:] == [(False, True), (True, False)]


def test_the_flag_counts_in_every_round(db, monkeypatch):
    monkeypatch.setattr(compact_lake, "ROUND_SECONDS", 0)
    stop, purged = Stop(), []

    def round_(daily, patient, purge, pause):
        purged.append(purge)
        config.purge_deleted = False
        if len(purged) == 2:
            stop.set()
        return 0

    stop.wait = lambda seconds: None
    loop(stop, round_, lambda: None)
    assert purged == [True, False]


@pytest.mark.parametrize(("purge", "text"), [(True, None), (False, "secret")])
def test_once_goes_by_the_flag(lake, purge, text):
    config.purge_deleted = purge
    lake.flush(post("secret", rkey="a"), delete("a"))
    call_command("compact_lake", "--once")
    assert [row["text"] for row in lake.rows("posts")] == [text]


def test_the_answer_says_how_many_files(db):
    stop = Stop()
    asked = Request.objects.create(kind="compact")
    stop.wait = lambda seconds: stop.set()
    loop(stop, lambda daily, patient, purge, pause: 7, lambda: None)
    asked.refresh_from_db()
    assert (asked.state, asked.result) == ("done", "7 files written")


def test_an_errand_comes_between_two_files_and_the_pass_is_still_due(lake, monkeypatch, settings):
    lake.flush(
        post("one", time_us=NOON_US), post("two", time_us=NOON_US + HOUR), post("three", time_us=NOON_US + 2 * HOUR)
    )
    stop, worker, served = Stop(), compact_lake.compactor(Stop(), lake.root / ".scratch"), []
    every = Request.objects.create(kind="compact")
    errand = Request.objects.create(kind="verify_files", arguments={"files": []})

    def errands():
        if sum(compacted()) > 0:
            served.append(sum(compacted()))
            compact_lake.serve(stop, worker)

    stop.wait = lambda seconds: stop.set() if all(compacted()) else None
    loop(stop, worker.round, errands)
    errand.refresh_from_db()
    every.refresh_from_db()
    assert served[0] == 1
    assert errand.state == "done"
    assert (every.state, every.attempts) == ("done", 1)
    assert errand.finished_at < every.finished_at
