"""kill -9 of the import of labels, of what writes posts and compacts both, and of the web server, at any moment: labels
are joined once, earlier moments show the labels of then, and exports keep their pseudonyms."""

import csv
import io
import json
import random
import sys
import urllib.request
from collections import defaultdict

import pytest

from deploy.local.child import ROOT
from deploy.local.environment import free_port
from ingest.simulator.server.jetstream import Options
from ingest.simulator.server.server import running
from process.crash_points import CRASH_POINTS
from tests.end_to_end.stack import some_seconds, until
from tests.end_to_end.stream import Endless
from tests.end_to_end.test_compaction_kills import (
    COMPACTION,
    EVENTS_A_SECOND_OF_THEIR_TIME,
    PATIENCE_SECONDS,
    RATE,
    commits,
    visible,
)

POINTS = [point for point in CRASH_POINTS if point.startswith("label:")]
SHOWN = "label:toxic>=0.5"
POST = "app.bsky.feed.post"
MINUTE_US = 60_000_000


class Rounds:
    """In each round every third post of the log so far gets a label, be it in the lake yet or not, and one process is
    killed at that. `scores`: of the last round that labelled a post."""

    def __init__(self, stack, jetstream, seed):
        self.stack, self.jetstream, self.random = stack, jetstream, random.Random(seed)
        self.consumer, self.flusher, self.compactor = stack.consumer(), stack.flusher(), stack.compactor()
        stack.await_rows(500, self.consumer, self.flusher, seconds=PATIENCE_SECONDS)
        self.searcher = stack.run([sys.executable, "-m", "tests.end_to_end.searcher", "", SHOWN], "searcher")
        self.web, self.scores, self.number = start_web(stack), {}, 0

    def play(self, victims):
        for victim in victims:
            self.number += 1
            path = self.labels()
            self.stack.ask_for_compaction()
            point = {"CRASH_AT": victim} if victim in POINTS else {}
            importing = self.stack.start("import_labels", str(path), **point)
            if point:
                assert importing.await_end(PATIENCE_SECONDS) == -9, importing.text
            else:
                some_seconds(self.random, 2.5)
                getattr(self, f"kill_{victim}")(importing)
            importing.await_end(PATIENCE_SECONDS)
            again = self.stack.start("import_labels", str(path))
            assert again.await_end(PATIENCE_SECONDS) == 0, again.text
            assert self.searcher.alive, self.searcher.text

    def labels(self):
        """A file of them; the latest in the log are not in the lake yet."""
        posts = {(did, commit["rkey"]) for did, commit in commits(self.jetstream.frames)}
        chosen = self.random.sample(sorted(posts), len(posts) // 3)
        score = (0.1, 0.9)[self.number % 2]
        self.scores |= dict.fromkeys(chosen, score)
        at = f"2026-08-01T00:{self.number:02}:00Z"
        rows = [
            {"uri": f"at://{did}/{POST}/{rkey}", "label": "toxic", "score": score, "labelled_at": at}
            for did, rkey in chosen
        ]
        path = self.stack.folder / f"labels-{self.number}.ndjson"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    def kill_import(self, importing):
        importing.kill()

    def kill_compactor(self, _):
        self.compactor.kill_at_work()
        self.compactor = self.stack.compactor()

    def kill_flusher(self, _):
        self.flusher.kill_at_work()
        self.flusher = self.stack.flusher()

    def kill_web(self, _):
        self.web.kill_at_work()
        self.web = start_web(self.stack)

    def end(self, source):
        source.finish()
        frames = self.jetstream.frames
        self.stack.await_rows(len(frames), self.consumer, self.flusher, seconds=PATIENCE_SECONDS)
        until(lambda: self.searcher.text.count("walk") > 3, "some walks", programs=[self.searcher])
        self.searcher.kill_at_work()
        self.consumer.stop_cleanly()
        self.flusher.stop_cleanly()
        self.stack.flush_once()
        shows = {tuple(uri.removeprefix("at://").split(f"/{POST}/")) for uri in visible(frames)}
        waiting = "SELECT did, rkey FROM lake_waitinglabel WHERE unknown_at IS NULL"
        until(lambda: not shows & set(self.stack.lake.ask(waiting)), "labels are joined", PATIENCE_SECONDS)
        self.compactor.stop_cleanly()
        assert self.stack.compactor("--once").await_end(PATIENCE_SECONDS) == 0
        return frames, shows


def start_web(stack):
    web = stack.run([sys.executable, "-m", "gunicorn", "--config", str(ROOT / "deploy" / "gunicorn.conf.py")], "web")
    web.await_words("Listening at")
    return web


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=120) as answer:
        return answer.read()


def ids(body):
    return {row["id"] for row in csv.DictReader(io.StringIO(body.decode()))}


def exported(port, moment, frames):
    """The ids of an export as of this moment, and of the same under pseudonyms, which nobody's DID is in."""
    question = f"/export?label=toxic&as_of={moment}"
    plain, body, again = "1", "", "2"
    while plain != again:  # something was deleted in between
        plain, body, again = (get(port, question + more) for more in ("", "&pseudonyms=true", ""))
    dids = {json.loads(frame)["did"].encode() for frame in frames}
    assert not [did for did in dids if did in body or did.rpartition(b":")[2] in body]
    return ids(plain), ids(body)


def must_be_the_same_less_what_is_gone(before, after, frames):
    """Accounts that were away then and are back show. Pseudonyms are those of before."""
    (plain, hidden), (plain_after, hidden_after) = before, after
    events = [json.loads(frame) for frame in frames]
    away = {event["did"] for event in events if event["kind"] == "account" and not event["account"]["active"]}
    assert {uri.split("/")[2] for uri in plain_after - plain} <= away
    assert len(plain_after & plain) > len(plain) // 2
    assert len(hidden) == len(plain)
    assert len(hidden_after & hidden) == len(plain_after & plain)
    assert len(hidden_after) == len(plain_after)


def must_be_covered(meta, frames):
    """The answer says that its data are complete, from the first minute of the log to the last one."""
    minutes = {json.loads(frame)["time_us"] // MINUTE_US for frame in frames}
    assert len(minutes) == max(minutes) - min(minutes) + 1
    coverage = meta["coverage"]
    assert (coverage["complete"], coverage["minutes"], coverage["minutes_missing"]) == (True, len(minutes), 0)


def must_be_labelled(stack, frames, shows, scores):
    """Each post that shows and was never changed has the label of the last round that named it, and none twice."""
    versions = defaultdict(set)
    for did, commit in commits(frames):
        versions[did, commit["rkey"]].add(commit["rev"])
    said = defaultdict(list)
    for dataset, row in stack.lake.rows():
        if dataset == "labels" and row["name"] is not None:
            said[row["did"], row["rkey"]].append((row["labelled_at"], row["score"]))
    assert all(len(set(labels)) == len(labels) for post, labels in said.items() if len(versions[post]) == 1)
    once = {post for post in shows & scores.keys() if len(versions[post]) == 1}
    assert len(once) > 200
    assert {post: max(said[post], default=(None, None))[1] for post in once} == {post: scores[post] for post in once}
    return once


@pytest.mark.slow
def test_thirty_kills_beside_labels_leave_each_label_once_and_each_moment_as_it_was(make_stack):
    victims = POINTS * 4 + ["import"] * 6 + ["compactor"] * 6 + ["flusher"] * 3 + ["web"] * 3
    random.Random(9).shuffle(victims)
    source, port = Endless(EVENTS_A_SECOND_OF_THEIR_TIME, 9, users=300), free_port()
    with running(source, options=Options(port=0, rate=RATE // 3)) as jetstream:
        stack = make_stack(jetstream.url, **COMPACTION, WEB_PORT=str(port), PYTHONPATH=str(ROOT))
        rounds = Rounds(stack, jetstream, 9)
        rounds.play(victims[:15])
        early = json.loads(get(port, "/search?limit=1"))["meta"]
        before = exported(port, early["as_of"], jetstream.frames)
        rounds.play(victims[15:])
        frames, shows = rounds.end(source)
    stack.lake.must_equal(frames)
    once = must_be_labelled(stack, frames, shows, rounds.scores)
    found = stack.run([sys.executable, "-m", "tests.end_to_end.searcher", "once", SHOWN], "once")
    assert found.await_end(PATIENCE_SECONDS) == 0, found.text
    hits = {tuple(uri.removeprefix("at://").split(f"/{POST}/")) for uri in json.loads(found.text.splitlines()[-1])}
    assert hits & once == {post for post in once if rounds.scores[post] >= 0.5}
    must_be_the_same_less_what_is_gone(before, exported(port, early["as_of"], frames), frames)
    must_be_covered(json.loads(get(port, "/search?limit=1"))["meta"], frames)
    verified = stack.start("verify_lake", "--cids", "5")
    assert verified.await_end(PATIENCE_SECONDS) == 0, verified.text
