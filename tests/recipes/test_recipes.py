"""Each block of docs/recipes.md, run against a service over HTTP, and its result compared with the events."""

import json
import re
import shutil
import subprocess
from contextlib import closing
from datetime import UTC, datetime
from itertools import islice

import pytest
from django.core.management import call_command
from django.test import override_settings

from ingest.buffer.redis_stream import Buffer
from ingest.simulator.world.world import World
from ingest.stream.frames import read_frames
from process.instants import now_us
from tests.api.lakes import build
from tests.api.web import served
from tests.recipes import given, patterns, wishes
from tests.recipes.event_log import EventLog
from tests.recipes.page import PAGE, SECTIONS, Run, Service

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
]

START_US = 1_782_943_200_000_000  # 2026-07-01T22:00:00Z
HOUR_US = 3_600_000_000
EVENTS, PER_SECOND, PEOPLE = 5_000, 0.5, 200  # of three hours
OUTAGE_US = START_US + HOUR_US // 2, START_US + HOUR_US // 2 + HOUR_US // 6
CHECKS = patterns.CHECKS | wishes.CHECKS
WALK = "Pages to the end, and the same ones twice"
# What happens before a recipe's last blocks.
BETWEEN = {
    "Progress, and going on after a broken connection": (2, wishes.cut_off),
    "Languages that can be trusted": (1, wishes.before_the_languages),
}


class Events:
    """What went in: `frames` of the first and of the second flush, and the `names` of people, by DID."""

    def __init__(self):
        world = World(31, START_US, PER_SECOND, users=PEOPLE)
        kept = [frame for time_us, frame in islice(world, EVENTS) if not OUTAGE_US[0] <= time_us < OUTAGE_US[1]]
        frames = [frame if number % 20 else backdated(frame) for number, frame in enumerate(kept)]
        self.first, self.second = frames[: EVENTS * 2 // 3], frames[EVENTS * 2 // 3 :]
        self.names = {person.did: person.handle for person in world.people()}


def backdated(frame):
    """As some authors' apps date their posts: by a day before."""
    event = json.loads(frame)
    record = event.get("commit", {}).get("record")
    if record and "createdAt" in record:
        record["createdAt"] = datetime.fromtimestamp(event["time_us"] / 1e6 - 86_400, UTC).isoformat()
    return json.dumps(event).encode()


@pytest.fixture(scope="module")
def events():
    return Events()


@pytest.fixture(scope="module")
def log(events):
    return EventLog(events.first + events.second)


@pytest.fixture(scope="module")
def service(events, tmp_path_factory, redis_server, django_db_setup, django_db_blocker):
    """It has all events. Posts of the first flush have labels; after it, a walk was begun and `old` exported."""
    folder = tmp_path_factory.mktemp("web")
    posts = EventLog(events.first).posts
    given.write_labels(folder / "political.csv", "political", [row.uri for row in posts])

    def label():
        with override_settings(LAKE_ROOT=folder / "lake", DATABASE_PATH=folder / "catalog.sqlite3"):
            call_command("import_labels", str(folder / "political.csv"))

    with django_db_blocker.unblock():
        build(folder, redis_server.url, events.first, events.names, label)
    with served(folder) as web:
        service = Service(web, folder, redis_server.url)
        service.handles = set(events.names.values())
        service.labelled = {(row.uri, row.rev) for row in posts if given.is_labelled(row.uri)}
        service.begun[WALK] = Run(WALK, service, folder, {})
        service.begun[WALK].step()
        status, service.old = web.get("/export?format=csv&fields=id,cid,text")
        assert status == 200
        flush(service, events.second)
        yield service


def flush(service, frames):
    """By the command, beside the service."""
    with closing(Buffer(service.redis_url).connect()) as buffer:
        batch = read_frames(frames, None, "test", now_us())
        buffer.append(batch.events, batch.drops, batch.cursor)
    service.command("flush_buffer", "--once")


@pytest.mark.parametrize("title", [title for title, blocks in SECTIONS.items() if blocks and title != "In R"])
def test_a_recipe_finds_what_the_events_say(title, service, log, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given.write_files(tmp_path, log, service.old)
    run = service.begun.get(title) or Run(title, service, tmp_path, given.names(log))
    steps, between = BETWEEN.get(title, (0, None))
    for _ in range(steps):
        run.step()
    if between:
        between(run, log)
    CHECKS[title](run.finish(), log)


def test_there_is_a_recipe_for_each_pattern_and_each_wish():
    assert (len(patterns.CHECKS), len(wishes.CHECKS)) == (10, 19)
    assert set(CHECKS) == {title for title, blocks in SECTIONS.items() if blocks} - {"In R"}


def test_links_within_the_page_lead_somewhere():
    anchors = {re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in SECTIONS}
    linked = set(re.findall(r"\]\(#([^)]+)\)", PAGE))
    assert linked
    assert linked <= anchors


def r_is_there():
    return shutil.which("Rscript") and not subprocess.run(["Rscript", "-e", "library(readr)"], check=False).returncode


def test_the_lines_in_r(service, log, tmp_path):
    if not r_is_there():
        pytest.skip("R with readr is not installed: apt-get install r-cran-readr")
    csv_lines, _ = (text for _, text in SECTIONS["In R"])
    text = service.here(csv_lines) + "\ncat(nrow(posts))"
    told = subprocess.run(["Rscript", "-e", text], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert told.stdout.endswith(str(len(log.uris(patterns.has("la")))))
