"""What the recipes of the nineteen wishes must find."""

import csv
import hashlib
import importlib.util
import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import pandas as pd
import pytest

from tests.recipes import page
from tests.recipes.event_log import EventLog
from tests.recipes.page import Run
from tests.recipes.patterns import has, matches

CHECKS: dict[str, Callable[[Run, EventLog], None]] = {}
check = partial(page.check, checks=CHECKS)
MINUTE = 60_000_000  # microseconds
MENTION = re.compile(r"@[\w.:-]+")
KANA = re.compile("[\u3041-\u309f\u30a1-\u30fa]")
NO_WORDS = re.compile(r"https?://\S+|\S+\.(?:com|org|net|social)\S*|[@#＃]\S+|¯\S+¯")  # the last is a face


@check("No cap on exports")
def _(run, log):
    assert run.ids("everything") == log.uris(lambda _: True, "likes")


@check("Proof that a file is complete")
def _(run, log):
    body, manifest = (run.folder / "posts.csv").read_bytes(), json.loads((run.folder / "manifest.json").read_text())
    assert (manifest["state"], manifest["sha256"]) == ("complete", hashlib.sha256(body).hexdigest())
    assert manifest["rows"] == len(log.uris(has("la")))
    assert f"{manifest['rows']} rows" in (run.folder / "methods.txt").read_text().replace(",", "")


@check("Progress, and going on after a broken connection")
def _(run, log):
    for name, expected in (("posts", log.uris(has("la"))), ("likes", log.uris(lambda _: True, "likes"))):
        with (run.folder / f"{name}.csv").open(newline="") as file:
            ids = [row["id"] for row in csv.DictReader(file)]
        assert (set(ids), len(ids)) == (expected, len(expected))


@check("Where data is missing")
def _(run, log):
    have = log.minutes()
    midnight = int(datetime(2026, 7, 1, tzinfo=UTC).timestamp()) // 60
    asked, certificate = set(range(midnight, midnight + 2 * 24 * 60)), run["certificate"]
    assert (certificate["complete"], certificate["minutes"]) == (False, len(asked))
    assert certificate["minutes_missing"] == len(asked - have)
    assert sum(gap["minutes"] for gap in certificate["gaps"]) == len(asked - have)
    for name in ("timeline", "top"):
        assert run["get"](f"/api/v1/{name}", text="la", **run["window"])["meta"]["coverage"] == certificate
    assert run["get"]("/export/manifest", text="la", **run["window"])["coverage"]["gaps"] == run["coverage"]["gaps"]
    found, between = run["coverage"], set(range(min(have), max(have) + 1))
    assert (found["minutes"], found["minutes_with_data"]) == (len(between), len(have))
    assert sum(gap["minutes"] for gap in found["gaps"]) == len(between - have) > 0
    assert found["events"] == len(log.events)


@check("Pages to the end, and the same ones twice")
def _(run, log):
    as_of = datetime.fromisoformat(run["meta"]["as_of"])
    before = EventLog([json.dumps(event) for event in log.events if event["time_us"] <= as_of.timestamp() * 1e6])
    now = EventLog(map(json.dumps, log.events), as_of)
    first, second = run["first"], run["second"]
    assert set(first) == before.uris(has("la"))
    assert set(second) == now.uris(has("la"))
    assert (len(set(first)), len(set(second))) == (len(first), len(second))
    assert [uri for uri in second if uri in first] == [uri for uri in first if uri in second]
    assert len(first) > 50  # more than a page
    assert set(first) - set(second)
    assert run["gone"] == len(before.uris(lambda _: True) - now.uris(lambda _: True))
    assert log.uris(has("la")) - set(second)
    status, page = run.service.web.get(run["link"].removeprefix(run["SERVICE"]))
    assert (status, json.loads(page)["meta"]["total"]) == (200, len(second))


@check("The number of hits")
def _(run, log):
    assert run["total"] == len(log.uris(has("la")))


@check("Boolean operators, exclusion, wildcards")
def _(run, log):
    expected = log.uris(
        lambda row: (has("the")(row) or has("que")(row)) and not has("and")(row) and matches("w*e")(row)
    )
    assert run.ids("found") == expected
    assert expected


@check("Phrases, in curly quotes too")
def _(run, log):
    assert run.ids("straight") == run.ids("curly") == log.uris(has("of the")) > set()
    assert run.ids("whole") == log.uris(matches("exact:la")) > set()


@check("Ranges of dates, on either clock")
def _(run, log):
    day = datetime(2026, 7, 2, tzinfo=UTC).date()
    by_claim = log.uris(lambda row: row.created and row.created.astimezone(UTC).date() == day)
    assert run.ids("seen") == log.uris(lambda row: row.day == "2026-07-02")
    assert run.ids("created") == by_claim != run.ids("seen")
    seen = {row.uri: row.seen for row in log.posts}
    assert {row.id: datetime.fromisoformat(row.seen_at) for row in run["seen"].itertuples()} == {
        uri: seen[uri] for uri in run.ids("seen")
    }


def _media(row):
    embed = row.record.get("embed") or {}
    return embed.get("media") or embed


@check("Media")
def _(run, log):
    def images(row):
        return _media(row).get("images") or _media(row).get("items") or []

    assert run.ids("images") == log.uris(images)
    assert run.ids("described") == log.uris(lambda row: any(image.get("alt") for image in images(row))) > set()


@check("Syntax that is written down")
def _(run, log):
    assert [note for note in run["notes"] if "form:alice" in note]
    assert [note for note in run["notes"] if '"or"' in note]


@check("Nothing hidden in silence")
def _(run, log):
    assert run["hidden"] == log.hidden(has("la")) > 0
    ((field, _),) = (problem.values() for problem in run["told"])
    assert field == "langauge"


@check("Languages that can be trusted")
def _(run, log):
    assert run.ids("found") == log.uris(_is_japanese) > set()


def _is_japanese(row):
    """Whether three letters or more of it are in words, and one of those letters is kana."""
    words = NO_WORDS.sub(" ", row.text)
    return KANA.search(words) is not None and sum(map(str.isalpha, words)) >= 3


def before_the_languages(run, log):
    stated = log.uris(lambda row: any(lang.split("-")[0] == "ja" for lang in row.record.get("langs") or []))
    assert run.ids("stated") == stated
    assert stated != log.uris(_is_japanese)
    if importlib.util.find_spec("py3langid") is None:
        pytest.skip("py3langid is not installed: pip install -r requirements-labels.txt")


@check("Counts before collecting")
def _(run, log):
    assert run["rows"] == len(log.uris(lambda row: row.day == "2026-07-02", "likes"))


@check("Attention as a share of all posts")
def _(run, log):
    everything = log.counts(lambda row: row.day)
    hits = log.counts(lambda row: row.day if has("la")(row) else None)
    table = {row.start[:10]: row.share for row in run["days"].itertuples()}
    assert table == {day: hits[day] / number for day, number in everything.items()}


@check("An old export, brought into line with deletions")
def _(run, log):
    now = {row.uri: row.cid for row in log.posts}
    old = dict(zip(run["old"]["id"], run["old"]["cid"], strict=True))
    assert run.ids("kept") == {uri for uri, cid in old.items() if now.get(uri) == cid}
    assert set(run["deleted"]) == log.deleted & set(old) > set()
    assert {post["id"] for post in run["hidden"]} == set(old) - log.deleted - set(now)
    assert {uri for uri, cid in old.items() if uri in now and now[uri] != cid}


@check("Pseudonyms")
def _(run, log):
    texts = {row.uri: MENTION.sub("@", row.text) for row in log.posts}
    liked = Counter(texts[row.subject] for row in log.rows["likes"] if row.subject in texts)
    assert Counter(MENTION.sub("@", text) for text in run["joined"]["text"]) == liked
    assert len(set(run["posts"]["did"])) == len({row.did for row in log.posts})
    told = (run.folder / "posts.csv").read_text() + (run.folder / "likes.csv").read_text()
    assert not re.findall(r"did:[a-z]+:|at://", told)
    assert not [name for name in run.service.handles if name in told]


@check("CSV that opens undamaged")
def _(run, log):
    body = (run.folder / "for-excel.csv").read_bytes()
    assert body.startswith("\ufeffid,".encode())
    table = pd.read_csv(run.folder / "for-excel.csv", dtype=str, keep_default_na=False)
    shown = {
        row.uri: ("'" if row.text[:1] in tuple("=+-@\t\r") else "") + row.text for row in log.posts if has("la")(row)
    }
    assert dict(zip(table["id"], table["text"], strict=True)) == shown


@check("Nothing lost and nothing twice")
def _(run, log):
    assert set(run["ids"]) == log.uris(lambda _: True)
    counted = {name: run["stats"]["datasets"][name]["rows"] for name in log.versions}
    assert counted == {name: len(rows) for name, rows in log.versions.items()}


def cut_off(run, _log):
    """As a disk would have it after a crash: half of the file is there."""
    file = run.folder / "likes.csv"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
