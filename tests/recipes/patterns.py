"""What the recipes of the ten patterns must find."""

import hashlib
import re
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import pandas as pd
import pytest

from tests.recipes import page
from tests.recipes.event_log import EventLog
from tests.recipes.given import KEYWORDS, is_labelled, score
from tests.recipes.page import Run

CHECKS: dict[str, Callable[[Run, EventLog], None]] = {}
check = partial(page.check, checks=CHECKS)


def has(text):
    return lambda row: text in row.text.lower()


def matches(keyword):
    """Of an item of `any`."""
    if keyword.startswith("exact:"):
        found = re.compile(rf"(?<![^\W_]){re.escape(keyword[6:])}(?![^\W_])")
    else:
        found = re.compile(".*".join(map(re.escape, keyword.split("*"))), re.DOTALL)
    return lambda row: found.search(row.text.lower()) is not None


def refers(row, uri, *path):
    """Whether the record has this URI at that place."""
    value = row.record
    for name in path:
        value = (value or {}).get(name)
    return value == uri


@check("A day of posts, a few columns, as Parquet")
def _(run, log):
    posts = pd.read_parquet(run.folder / "day.parquet")
    assert list(posts.columns) == ["id", "did", "seen_at", "text", "langs"]
    expected = {row.uri: row.text for row in log.posts if row.day == "2026-07-01" and row.text}
    assert dict(zip(posts["id"], posts["text"], strict=True)) == expected
    for day in ("2026-07-01", "2026-07-02"):
        likes = pd.read_parquet(run.folder / f"likes-{day}.parquet")
        expected = Counter((row.did, row.subject) for row in log.rows["likes"] if row.day == day)
        assert Counter(zip(likes["did"], likes["subject"], strict=True)) == expected


@check("The rows of a list of AT-URIs")
def _(run, log):
    asked = set((run.folder / "uris.txt").read_text().split())
    assert run.ids("rows") == {row.uri for rows in log.rows.values() for row in rows} & asked
    assert set(run["gone"]) == log.deleted & asked


def _by_day(table):
    assert table["value"].notna().all()
    return {(row.value, row.start[:10]): row.hits for row in table.itertuples()}


@check("All that a cohort does, by person and day")
def _(run, log):
    cohort = set((run.folder / "dids.txt").read_text().split())
    for dataset in ("posts", "likes", "reposts", "follows"):
        expected = log.counts(lambda row: (row.did, row.day) if row.did in cohort else None, dataset)
        assert _by_day(run["activity"][dataset]) == expected
    answers = log.counts(lambda row: (row.did, row.day) if row.did in cohort and "reply" in row.record else None)
    assert _by_day(run["replies"]) == answers
    assert run.ids("likes") == log.uris(lambda row: row.did in cohort, "likes")


@check("Who liked a post, and what somebody likes")
def _(run, log):
    uri, did = run["URI"], run["DID"]
    assert Counter(run["likers"]["did"]) == Counter(row.did for row in log.rows["likes"] if row.subject == uri)
    liked = Counter(row.subject for row in log.rows["likes"] if row.did == did)
    assert Counter(run["liked"]["subject"]) == liked
    assert run.ids("posts") == log.uris(lambda row: row.uri in liked)

    def in_thread(row):
        return refers(row, uri, "reply", "root", "uri")

    def answers(row):
        return refers(row, uri, "reply", "parent", "uri") or in_thread(row)

    def quotes(row):
        return refers(row, uri, "embed", "record", "uri") or refers(row, uri, "embed", "record", "record", "uri")

    assert run.ids("thread") == log.uris(in_thread)
    assert run.ids("replies") == log.uris(lambda row: "reply" in row.record and (answers(row) or quotes(row)))
    assert run.ids("quotes") == log.uris(quotes)
    assert _values(run["most"]) == _most(log.counts(lambda row: row.subject, "likes"), 50)


def _most(counts, limit):
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:limit]


def _values(table):
    return list(zip(table["value"], table["hits"], strict=True))


@check("Posts by the scores of a classifier")
def _(run, log):
    found = {row.id: row.labels for row in run["toxic"].itertuples()}
    assert set(found) == log.uris(lambda row: is_labelled(row.uri) and score("toxic", row.uri) >= 0.7)
    for uri, labels in found.items():
        (label,) = (label for label in labels if label["name"] == "toxic")
        assert label["score"] == pytest.approx(score("toxic", uri), abs=1e-6)
        assert (label["model"], label["labelled_at"][:10]) == ("model-x", "2026-07-03")


@check("Posts that have no label yet")
def _(run, log):
    assert run.ids("unlabelled") == log.uris(
        lambda row: row.text and (row.uri, row.rev) not in run.service.labelled
    )  # an edited post has none
    assert log.uris(lambda row: (row.uri, row.rev) in run.service.labelled)
    done = run["export"]("done.csv", text="label:political>=0.5", fields=["id"])["id"]
    assert set(done) == log.uris(lambda row: score("political", row.uri) >= 0.5)


@check("The most active authors, and the same without bots")
def _(run, log):
    assert _values(run["authors"]) == _most(log.counts(lambda row: row.did), 100)
    assert run.ids("others") == log.uris(lambda row: row.did not in run["bots"])


@check("Hits per hour, split at an event")
def _(run, log):
    event = datetime(2026, 7, 1, 23, tzinfo=UTC)
    hits = [row for row in log.posts if has("la")(row)]
    expected = sum(row.seen < event for row in hits), sum(row.seen >= event for row in hits)
    assert (run["before"], run["after"]) == expected
    assert min(expected) > 0


@check("A list of keywords, and which of them matched")
def _(run, log):
    expected = {row.uri: [word for word in KEYWORDS if matches(word)(row)] for row in log.posts}
    expected = {uri: words for uri, words in expected.items() if words}
    assert {word for words in expected.values() for word in words} == set(KEYWORDS) - {"zzz"}
    for table in ("found", "table"):
        assert {row.id: list(row.matched) for row in run[table].itertuples()} == expected


@check("A random sample of each day")
def _(run, log):
    drawn = set()
    for day in ("2026-07-01", "2026-07-02"):
        uris = [row.uri for row in log.posts if row.day == day]
        assert len(uris) > 20
        drawn |= set(sorted(uris, key=lambda uri: hashlib.md5(f"42{uri}".encode()).hexdigest())[:20])
    assert run.ids("sample") == drawn
