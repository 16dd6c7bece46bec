"""The oracle itself: what it may know, and stories small enough to be read."""

import ast
import json
import sys
from pathlib import Path

import pytest

from tests.oracle.cids import record_cid
from tests.oracle.visibility import World

MODULES = [path for path in Path(__file__).parent.glob("*.py") if not path.name.startswith("test_")]
POST, LIKE = "app.bsky.feed.post", "app.bsky.feed.like"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_it_imports_the_standard_library_and_itself_alone(path):
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) else []
        assert all(name.split(".")[0] in sys.stdlib_module_names or name.startswith("tests.oracle") for name in names)


def commit(operation, rev, us, collection=POST, rkey="k", did="did:plc:a"):
    body = {"operation": operation, "rev": rev, "collection": collection, "rkey": rkey}
    if operation != "delete":
        body |= {"record": {"text": f"{operation} {rev}"}, "cid": "c"}
    return json.dumps({"did": did, "time_us": us, "kind": "commit", "commit": body})


def account(status, us, seq, did="did:plc:a"):
    body = {"active": status is None, "did": did, "seq": seq, "time": f"2026-07-01T12:00:{seq:02}Z", "status": status}
    return json.dumps({"did": did, "time_us": us, "kind": "account", "account": body})


CREATED, UPDATED, DELETED = commit("create", "3a", 1), commit("update", "3b", 2), commit("delete", "3c", 3)
AGAIN = commit("create", "3d", 4)
LEFT, BACK = account("deactivated", 5, 1), account(None, 6, 2)
STORIES = {
    "created": ([CREATED], ["create 3a"]),
    "updated": ([CREATED, UPDATED], ["update 3b"]),
    "updated, the update comes first": ([UPDATED, CREATED], ["update 3b"]),
    "deleted": ([CREATED, DELETED], []),
    "deleted, the delete comes first": ([DELETED, CREATED], []),
    "made again": ([CREATED, DELETED, AGAIN], ["create 3d"]),
    "made again, in any order": ([AGAIN, DELETED, CREATED], ["create 3d"]),
    "sent twice": ([CREATED, CREATED, UPDATED, CREATED], ["update 3b"]),
    "sent again by another host, later": ([CREATED, commit("create", "3a", 9)], ["create 3a"]),
    "an earlier update comes late": ([AGAIN, UPDATED], ["create 3d"]),
    "another record of the same key": ([CREATED, commit("delete", "3z", 9, LIKE)], ["create 3a"]),
    "the account left": ([CREATED, LEFT], []),
    "the account came back": ([CREATED, LEFT, BACK], ["create 3a"]),
    "the account came back, told in the other order": ([CREATED, BACK, LEFT], ["create 3a"]),
    "another account left": ([CREATED, account("takendown", 5, 1, "did:plc:b")], ["create 3a"]),
}


@pytest.mark.parametrize("story", STORIES)
@pytest.mark.parametrize("flushes", [1, "each"])
def test_what_shows(story, flushes):
    frames, texts = STORIES[story]
    world = World()
    for part in [frames] if flushes == 1 else [[frame] for frame in frames]:
        world.add(*part)
    assert [world.text(row) for row in world.shown("posts")] == texts


def test_deletes_and_account_events_stay():
    world = World(CREATED, DELETED, LEFT, BACK, DELETED, LEFT)
    assert (len(world.shown("deletes")), len(world.shown("accounts"))) == (1, 2)


@pytest.mark.parametrize(("compacted", "texts"), [(False, ["create 3a"]), (True, [])])
def test_what_a_deleted_account_wrote_is_gone_after_a_compaction(compacted, texts):
    world = World(CREATED, account("deleted", 5, 1))
    if compacted:
        world.compact()
    world.add(account(None, 6, 2))
    assert [world.text(row) for row in world.shown("posts")] == texts


def test_as_of_a_moment():
    world = World(CREATED, UPDATED, DELETED.replace('"k"', '"other"'))
    assert [world.text(row) for row in world.shown("posts", until=1)] == ["create 3a"]


def test_the_cid_of_a_record_covers_links_bytes_and_the_order_of_keys():
    """The first is that of the AT Protocol's empty map; the rest follow from it."""
    assert record_cid({}) == "bafyreigbtj4x7ip5legnfznufuopl4sg4knzc2cof6duas4b3q2fy6swua"
    link = {"$link": record_cid({})}
    assert record_cid({"b": link, "aa": {"$bytes": "AAEC"}}) == record_cid({"aa": {"$bytes": "AAEC=="}, "b": link})
    assert len({record_cid({"a": value}) for value in (1, -1, 1.5, "1", [1], None, True, 1 << 40, link)}) == 9
