"""A backup that is made while the service works becomes the service again: nothing lost, and searches find the same."""

import json

import pytest

from ingest.simulator.server.server import running
from tests.end_to_end.stack import until
from tests.end_to_end.stream import frames_of, world

SEARCH = """
import json

import pytest
from django.test import Client
client, found, token = Client(headers={"host": "localhost"}), [], ""
while token is not None:
    answer = client.get("/search", {"text": %r, "limit": 200, **({"token": token} if token else {})}).json()
    found += [(hit["id"], hit["text"], hit["seen_at"]) for hit in answer["results"]]
    token = answer["meta"]["next"]
print("FOUND", json.dumps(found))
"""


def search(stack, text):
    """All hits of a search, through the API, in order."""
    program = stack.start("shell", "--no-imports", "-c", SEARCH % text)
    assert program.await_end() == 0, program.text
    return json.loads(program.text.partition("FOUND ")[2].splitlines()[0])


def succeed(stack, *arguments, **variables):
    program = stack.start(*arguments, **variables)
    assert program.await_end() == 0, program.text
    return program


def restored(make_stack, url, backup):
    """Another place, another Redis: only what the backup has."""
    stack = make_stack(url)
    stack.database.unlink()
    succeed(stack, "restore", str(backup))
    return stack


@pytest.mark.slow
def test_a_backup_of_a_running_service_goes_on_where_it_was_taken(make_stack, tmp_path):
    """The flusher writes and the compactor replaces files all the while. The restored service takes the rest from the
    network, and both end with the same log."""
    moments, backup = world(2400), tmp_path / "backup"
    frames = frames_of(moments)
    with running(moments[:800]) as jetstream:
        stack = make_stack(jetstream.url, FLUSH_MAX_EVENTS="100", COMPACT_AFTER_SECONDS="0", SWEEP_GRACE_SECONDS="0")
        consumer, flusher, compactor = stack.consumer(), stack.flusher(), stack.start("compact_lake")
        until(lambda: stack.lake.listed_rows() >= 300, "some rows are listed", programs=[consumer, flusher, compactor])
        succeed(stack, "backup", str(backup))
        jetstream.publish(*frames[800:1600])
        succeed(stack, "compact_lake", "--once")
        assert "kept" in succeed(stack, "backup", str(backup)).text
        for _ in range(2):
            succeed(stack, "verify_lake", "--cids", "10")  # beside both writers: no finding
        jetstream.publish(*frames[1600:])
        stack.await_rows(len(frames), consumer, flusher, compactor)
        compactor.stop_cleanly()
        succeed(stack, "compact_lake", "--once")  # so that nothing waits for its sweep
        stack.settle(frames, consumer, flusher)

        other = restored(make_stack, jetstream.url, backup)
        assert 300 <= other.lake.listed_rows() < 2400
        succeed(other, "verify_lake", "--cids", "100")
        other.settle(frames, other.consumer(), other.flusher())


@pytest.mark.slow
def test_searches_find_the_same_after_a_restore(make_stack, tmp_path):
    moments, backup = world(500), tmp_path / "backup"
    with running(moments) as jetstream:
        stack = make_stack(jetstream.url)
        stack.settle(frames_of(moments), stack.consumer(), stack.flusher())
        succeed(stack, "backup", str(backup))
        other = restored(make_stack, jetstream.url, backup)
        for text in ("a", "the"):
            assert search(other, text) == search(stack, text) != []
