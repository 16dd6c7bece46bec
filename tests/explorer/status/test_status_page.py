"""The status page and its parts."""

from datetime import UTC, date, datetime, timedelta

from api.health.overview import days_covered, rate
from tests.builders import NOON_US, post
from tests.explorer.search.test_search_page import HTML

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_the_page_tells_what_works_and_what_was_done(lake, client):
    lake.flush(post("lake", time_us=NOON_US))
    html = client.get("/status", **HTML).content.decode()
    for part in (
        "searchable",
        "compact_lake was never started",
        "committed",
        "2026-07-01",
        "schema of the files",
        'hx-trigger="every 10s"',
    ):
        assert part in html
    assert '<noscript><meta http-equiv="refresh"' in html


def test_its_parts_come_anew(lake, client):
    assert "There was none yet" in client.get("/fragments/status/now").content.decode()
    lake.flush(post("lake", time_us=NOON_US))
    assert "committed" in client.get("/fragments/status/now").content.decode()
    assert "2026-07-01" in client.get("/fragments/status/held").content.decode()


def test_it_answers_without_redis(db, client, settings, lake_root):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    response = client.get("/status")
    assert response.status_code == 200
    assert "at fault" in response.content.decode()


def test_the_rate_is_that_of_the_batches_between_the_first_and_the_last():
    assert rate([(NOON, 300), (NOON - timedelta(seconds=10), 100), (NOON - timedelta(seconds=20), 9)]) == 20.0
    assert rate([(NOON, 300), (NOON - timedelta(seconds=10), 100), (NOON - timedelta(hours=2), 9)]) == 30.0
    assert rate([(NOON, 300)]) is None
    assert rate([]) is None
    assert rate([(NOON, 300), (NOON, 100)]) is None


def test_a_gap_over_midnight_belongs_to_both_days():
    first = datetime(2026, 6, 30, tzinfo=UTC)
    gaps = [{"start": "2026-06-30T23:50:00Z", "end": "2026-07-01T00:20:00Z"}]
    days = list(days_covered({"start": "2026-06-30T12:00:00Z", "end": "2026-07-01T06:00:00Z", "gaps": gaps}, first))
    assert days[0] == {"day": date(2026, 6, 30), "minutes": 720, "missing": 10}
    assert days[1] == {"day": date(2026, 7, 1), "minutes": 360, "missing": 20}
    assert {day["minutes"] for day in days[2:]} == {0}
    assert next(days_covered({"start": None, "end": None, "gaps": []}, first))["minutes"] == 0
