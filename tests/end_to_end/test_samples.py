"""The real recorded stream, through the real processes."""

import json
import re
from collections import Counter

import pytest

from deploy.local.child import ROOT
from tests.builders import POST
from tests.end_to_end.evidence import dataset_of

SAMPLES = ROOT.parent / "shared" / "samples"
FILES = {"real-v1-152-events.ndjson": 152, "real-v1-one-of-each-kind.ndjson": 10}
SOME = ["real-v1-152-events.ndjson", pytest.param("real-v1-one-of-each-kind.ndjson", marks=pytest.mark.slow)]
SEARCH = """
import json, sys
from django.conf import settings
from lake.query.spec import EVERYTHING, Search
from lake.query.tree import Term
from lake.search.reader import Reader
from lake.storage.duckdb_engine import Engine
reader = Reader(Engine("500MB", 1), settings.LAKE_ROOT)
queries = [Term(text) if text else EVERYTHING for text in json.loads({texts!r})]
found = [[hit.uri for hit in reader.find(Search(query), 200).hits] for query in queries]
print("found " + json.dumps(found))
"""


def search(stack, texts):
    """The URIs that a search finds for each of the texts, in a process of its own."""
    program = stack.start("shell", "-c", SEARCH.format(texts=json.dumps(texts)))
    assert program.await_end() == 0, program.text
    line = next(line for line in program.text.splitlines() if line.startswith("found "))
    return json.loads(line.removeprefix("found "))


def is_japanese(text):
    return any("\u3040" <= character <= "\u30ff" for character in text)


def longest_word(text):
    return max(text.split(), key=len)


@pytest.mark.parametrize("name", SOME)
def test_a_recorded_stream_is_in_the_lake_once_and_its_posts_are_found(make_stack, name):
    if not (SAMPLES / name).exists():
        pytest.skip("the recording is not here")
    frames = (SAMPLES / name).read_bytes().splitlines()
    assert len(frames) == FILES[name]
    stack = make_stack("ws://127.0.0.1:1/subscribe", start_us=min(json.loads(frame)["time_us"] for frame in frames))
    simulator = stack.start("simulate_jetstream", "--port", "0", "--replay", str(SAMPLES / name))
    simulator.await_words("listening on ws")
    (url,) = re.findall(r"ws://\S+", simulator.text)
    consumer = stack.consumer(JETSTREAM_URLS=url)
    stack.await_depth(len(frames))
    stack.flush_once()
    consumer.stop_cleanly()
    simulator.stop_cleanly()
    stack.lake.must_equal(frames, rebuilt_every=1)
    listed = dict(stack.lake.ask("SELECT dataset, sum(rows) FROM lake_datafile GROUP BY dataset"))
    assert listed == Counter(map(dataset_of, frames))
    must_find(stack, frames)


def must_find(stack, frames):
    commits = [(event["did"], event["commit"]) for event in map(json.loads, frames) if event["kind"] == "commit"]
    posts = {
        f"at://{did}/{POST}/{commit['rkey']}": commit["record"]["text"]
        for did, commit in commits
        if commit["collection"] == POST and commit["operation"] != "delete"
    }
    with_text = {uri: text for uri, text in posts.items() if text.split()}
    assert with_text
    everything, *by_word = search(stack, ["", *map(longest_word, with_text.values())])
    assert set(everything) == set(posts)
    for uri, found in zip(with_text, by_word, strict=True):
        assert uri in found, with_text[uri]
    if len(frames) > 100:
        assert any(map(is_japanese, posts.values()))
