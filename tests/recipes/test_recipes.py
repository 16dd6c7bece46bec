"""Each block of docs/recipes.md, run against a service over HTTP, and its result compared with the events."""

import csv
import hashlib
import json
import re
import shutil
import subprocess
from collections import Counter
from datetime import UTC, datetime
from itertools import islice

import pandas as pd
import pytest

from deploy.local.child import ROOT
from ingest.simulator.world.world import World
from tests.api.lakes import build
from tests.api.web import served
from tests.recipes.event_log import EventLog

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
]

PAGE = (ROOT / "docs" / "recipes.md").read_text()
START_US = 1_782_864_000_000_000  # 2026-07-01T00:00:00Z
EVENTS, PER_SECOND, PEOPLE = 15_000, 0.1, 200  # of 42 hours
KEYWORDS = ["the", "exact:la", "of the", "w*e", "zzz"]


def sections():
    """The blocks under each heading: (language, text)."""
    parts = re.split(r"^###? (.+)$", PAGE, flags=re.MULTILINE)
    return {
        title.partition(". ")[2] or title: re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)
        for title, text in zip(parts[1::2], parts[2::2], strict=True)
    }


SECTIONS = sections()
PREAMBLE = re.findall(r"```python\n(.*?)```", PAGE.partition("\n## ")[0], re.DOTALL)[0]


@pytest.fixture(scope="module")
def frames():
    return [frame for _, frame in islice(World(7, START_US, PER_SECOND, users=PEOPLE), EVENTS)]


@pytest.fixture(scope="module")
def log(frames):
    return EventLog(frames)


@pytest.fixture(scope="module")
def web(frames, tmp_path_factory, redis_server, django_db_setup, django_db_blocker):
    world = World(7, START_US, PER_SECOND, users=PEOPLE)
    for _ in islice(world, EVENTS):
        pass
    with django_db_blocker.unblock():
        folder = build(
            tmp_path_factory.mktemp("web"),
            redis_server.url,
            frames,
            {person.did: person.handle for person in world.people()},
        )
    with served(folder) as web:
        yield web


class Run:
    """The blocks of a section, run in a folder of their own: what their variables are, and their files."""

    def __init__(self, title, web, folder, given):
        self.folder, self.found = folder, dict(given)
        exec(self._here(PREAMBLE, web), self.found)
        for language, text in SECTIONS[title]:
            if language == "sh":
                command = self._here(text, web).replace("curl ", "curl --silent --show-error ")
                subprocess.run(["sh", "-ec", command], cwd=folder, check=True, timeout=60)
            elif language == "python":
                exec(self._here(text, web), self.found)

    def _here(self, text, web):
        return text.replace("http://localhost:8000", f"http://127.0.0.1:{web.port}")

    def __getitem__(self, name):
        return self.found[name]

    def ids(self, name, column="id"):
        values = list(self.found[name][column])
        assert len(values) == len(set(values))
        return set(values)


CHECKS = {}


def check(title):
    def register(test):
        CHECKS[title] = test
        return test

    return register


def same_text(text):
    return lambda row: text in row.text.lower()


@check("A day of posts, a few columns, as Parquet")
def _(run, log):
    posts = pd.read_parquet(run.folder / "day.parquet")
    assert list(posts.columns) == ["id", "did", "seen_at", "text", "langs"]
    assert set(posts["id"]) == log.uris(lambda row: row.day == "2026-07-01" and row.text)
    for day in ("2026-07-01", "2026-07-02"):
        likes = pd.read_parquet(run.folder / f"likes-{day}.parquet")
        expected = Counter((row.did, row.subject) for row in log.rows["likes"] if row.day == day)
        assert Counter(zip(likes["did"], likes["subject"], strict=True)) == expected


@check("The rows of a list of AT-URIs")
def _(run, log):
    asked = set((run.folder / "uris.txt").read_text().split())
    assert run.ids("rows") == {row.uri for rows in log.rows.values() for row in rows} & asked
    assert set(run["gone"]) == log.deleted & asked


@check("All that a cohort does, by person and day")
def _(run, log):
    cohort = set((run.folder / "dids.txt").read_text().split())
    for dataset in ("posts", "likes", "reposts", "follows"):
        expected = Counter((row.did, row.day) for row in log.rows[dataset] if row.did in cohort)
        table = run["activity"][dataset]
        assert {(row.value, row.start[:10]): row.hits for row in table.itertuples() if row.hits} == expected


@check("Who liked a post, and what somebody likes")
def _(run, log):
    assert Counter(run["likers"]["did"]) == log.counts(lambda row: row.subject == run["URI"] and row.did, "likes") - (
        Counter({False: 10**6})
    )
    assert Counter(run["liked"]["subject"]) == Counter(
        row.subject for row in log.rows["likes"] if row.did == run["DID"]
    )
    assert run.ids("replies") == log.uris(lambda row: row.record.get("reply") and run["URI"] in json.dumps(row.record))


@check("The most active authors, and the same without bots")
def _(run, log):
    counts = log.counts(lambda row: row.did)
    expected = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:100]
    assert [(row.value, row.hits) for row in run["authors"].itertuples()] == expected
    assert run.ids("others") == log.uris(lambda row: row.did not in run["bots"])


@check("Hits per hour, split at an event")
def _(run, log):
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    hits = [row for row in log.posts if "la" in row.text.lower()]
    assert (run["before"], run["after"]) == (
        sum(row.seen < noon for row in hits),
        sum(row.seen >= noon for row in hits),
    )


def _matches(keyword, text):
    text = text.lower()
    if keyword.startswith("exact:"):
        return re.search(rf"(?<![^\W_]){re.escape(keyword[6:])}(?![^\W_])", text) is not None
    return re.search(".*".join(map(re.escape, keyword.split("*"))), text, re.DOTALL) is not None


@check("A list of keywords, and which of them matched")
def _(run, log):
    expected = {row.uri: [word for word in KEYWORDS if _matches(word, row.text)] for row in log.posts}
    found = {row.id: row.matched for row in run["found"].itertuples()}
    assert found == {uri: words for uri, words in expected.items() if words}


@check("A random sample of each day")
def _(run, log):
    drawn = set()
    for day in ("2026-07-01", "2026-07-02"):
        uris = [row.uri for row in log.posts if row.day == day]
        drawn |= set(sorted(uris, key=lambda uri: hashlib.md5(f"42{uri}".encode()).hexdigest())[:20])
    assert run.ids("sample") == drawn


@check("No cap on exports")
def _(run, log):
    assert run.ids("everything") == log.uris(lambda _: True, "likes")


@check("Proof that a file is complete")
def _(run, log):
    body, manifest = (run.folder / "posts.csv").read_bytes(), json.loads((run.folder / "manifest.json").read_text())
    assert (manifest["state"], manifest["sha256"]) == ("complete", hashlib.sha256(body).hexdigest())
    assert manifest["rows"] == len(log.uris(same_text("la")))
    assert f"{manifest['rows']} rows" in (run.folder / "methods.txt").read_text().replace(",", "")


@check("Progress, and going on after a broken connection")
def _(run, log):
    with (run.folder / "posts.csv").open(newline="") as file:
        assert {row["id"] for row in csv.DictReader(file)} == log.uris(same_text("la"))


@check("Where data is missing")
def _(run, log):
    found = run["coverage"]
    assert found["minutes"] - found["minutes_with_data"] == sum(gap["minutes"] for gap in found["gaps"])
    assert found["events"] == EVENTS


@check("Pages to the end, and the same ones twice")
def _(run, log):
    assert len(run["first"]) == len(set(run["first"]))
    assert set(run["first"]) == log.uris(same_text("la"))
    assert run["second"] == run["first"]


@check("The number of hits")
def _(run, log):
    assert run["total"] == len(log.uris(same_text("la")))


@check("Boolean operators, exclusion, wildcards")
def _(run, log):
    def hit(row):
        text = row.text.lower()
        return ("the" in text or "que" in text) and "and" not in text and _matches("w*e", text)

    assert run.ids("found") == log.uris(hit)


@check("Phrases, in curly quotes too")
def _(run, log):
    assert run.ids("straight") == run.ids("curly") == log.uris(same_text("of the"))
    assert run.ids("whole") == log.uris(lambda row: _matches("exact:la", row.text))


@check("Ranges of dates, on either clock")
def _(run, log):
    assert run.ids("seen") == log.uris(lambda row: row.day == "2026-07-02")
    day = datetime(2026, 7, 2, tzinfo=UTC).date()
    assert run.ids("created") == log.uris(lambda row: row.created and row.created.astimezone(UTC).date() == day)


def _media(row):
    embed = row.record.get("embed") or {}
    return embed.get("media") or embed


@check("Media")
def _(run, log):
    def images(row):
        return _media(row).get("images") or _media(row).get("items") or []

    assert run.ids("images") == log.uris(images)
    assert run.ids("described") == log.uris(lambda row: any(image.get("alt") for image in images(row)))


@check("Syntax that is written down")
def _(run, log):
    assert [note for note in run["notes"] if "form:alice" in note]
    assert [note for note in run["notes"] if '"or"' in note]


@check("Nothing hidden in silence")
def _(run, log):
    exported, hidden = run["hidden"]
    assert set(exported["id"]) == log.uris(same_text("la"))
    assert hidden >= 0


@check("Counts before collecting")
def _(run, log):
    assert run["rows"] == len(log.uris(lambda row: row.day == "2026-07-02", "likes"))


@check("Attention as a share of all posts")
def _(run, log):
    hits, everything = log.counts(lambda row: "la" in row.text.lower() and row.day), log.counts(lambda row: row.day)
    for row in run["days"].itertuples():
        day = row.start[:10]
        assert row.share == hits[day] / everything[day]


@check("An old export, brought into line with deletions")
def _(run, log):
    given = set(pd.read_csv(run.folder / "old.csv", dtype=str)["id"])
    assert run.ids("old") == given & log.uris(lambda _: True)
    assert given - run.ids("old")


@check("Pseudonyms")
def _(run, log):
    expected = sum(row.subject in log.uris(lambda _: True) for row in log.rows["likes"])
    assert len(run["joined"]) == expected > 0
    told = (run.folder / "posts.csv").read_text() + (run.folder / "likes.csv").read_text()
    assert not [row.did for row in log.posts if row.did in told]


@check("CSV that opens undamaged")
def _(run, log):
    assert (run.folder / "for-excel.csv").read_bytes().startswith("\ufeffid,".encode())


@check("Nothing lost and nothing twice")
def _(run, log):
    assert set(run["ids"]) == log.uris(lambda _: True)


@pytest.fixture
def given(tmp_path, log, monkeypatch):
    """The files and names that the recipes begin with."""
    monkeypatch.chdir(tmp_path)
    shown = [row.uri for rows in log.rows.values() for row in rows]
    (tmp_path / "uris.txt").write_text("\n".join([*shown[::3], *list(log.deleted)[:50]]))
    (tmp_path / "dids.txt").write_text("\n".join(sorted({row.did for row in log.posts})[::2]))
    (tmp_path / "keywords.txt").write_text("\n".join(KEYWORDS))
    old = [row.uri for row in log.posts[::2]] + sorted(uri for uri in log.deleted if "feed.post" in uri)[:30]
    pd.DataFrame({"id": old}).to_csv(tmp_path / "old.csv", index=False)
    ((uri, _),) = log.counts(lambda row: row.subject, "likes").most_common(1)
    ((did, _),) = log.counts(lambda row: row.did, "likes").most_common(1)
    return {"URI": uri, "DID": did}


@pytest.mark.parametrize("title", [title for title, blocks in SECTIONS.items() if blocks and title != "In R"])
def test_a_recipe_finds_what_the_events_say(title, web, log, tmp_path, given):
    CHECKS[title](Run(title, web, tmp_path, given), log)


def test_there_is_a_recipe_for_each_pattern_and_each_wish():
    assert len([title for title in SECTIONS if title in CHECKS]) == len(CHECKS)
    assert (PAGE.count("\n### ") - 10, len(re.findall(r"^### \d+\. ", PAGE, re.MULTILINE))) == (19, 10)


@pytest.mark.skipif(shutil.which("Rscript") is None, reason="Rscript is not installed")
def test_the_lines_in_r(web, log, tmp_path, given):
    csv_lines, _ = (text for _, text in SECTIONS["In R"])
    text = csv_lines.replace("http://localhost:8000", f"http://127.0.0.1:{web.port}") + "\ncat(nrow(posts))"
    told = subprocess.run(["Rscript", "-e", text], check=True, capture_output=True, text=True, cwd=tmp_path)
    assert told.stdout.endswith(str(len(log.uris(same_text("la")))))
