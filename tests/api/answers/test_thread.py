"""Threads over HTTP: whatever posts say of each other, and whatever became of them."""

import pytest
from constance import config
from hypothesis import given
from hypothesis import strategies as st

from api.answers.thread import MOST_LEVELS, nested
from lake.threads import thread as threads
from lake.threads.thread_tree import Place
from tests.builders import ALICE, BOB, NOON_US, account, delete, like, post, tid

SECOND_US = 1_000_000
CAROL = "did:plc:carolccccccccccccccccccc"


NAMES: dict[str, str] = {}  # of keys


def number(name):
    """Of the second in which it is written."""
    return 0 if name == "root" else ord(name[0])


def key(name):
    """Its record key. What is longer than a name is one already."""
    if len(name) > 6:
        return name
    found = tid(NOON_US + number(name) * SECOND_US, clock=len(name))
    NAMES[found] = name
    return found


def uri(name, did=ALICE):
    return f"at://{did}/app.bsky.feed.post/{key(name)}"


def ref(of):
    return {"uri": of, "cid": "bafyreib"}


def reply(name, parent, root="root", did=ALICE, at=None, **fields):
    root, parent = (of if "/" in of else uri(of) for of in (root, parent))
    time_us = NOON_US + (number(name) if at is None else at) * SECOND_US
    reply_to = {"root": ref(root), "parent": ref(parent)}
    return post(name, did=did, rkey=key(name), time_us=time_us, reply=reply_to, **fields)


def quote(name, of, at=300):
    record = {"$type": "app.bsky.embed.record", "record": ref(uri(of))}
    return post(name, did=BOB, rkey=key(name), time_us=NOON_US + at * SECOND_US, embed=record)


ROOT = post("root", rkey=key("root"), time_us=NOON_US)


def asked(client, of, **query):
    response = client.get("/api/v1/thread", {"uri": of if "/" in of else uri(of), **query})
    assert response.status_code == 200, response.content
    return response.json()


def told(node):
    """As text: names, a mark for the asked one and a state other than shown, replies in parentheses."""
    rkey, state = node["uri"].rpartition("/")[2], node["state"]
    assert (node["post"] is None) == (state != "shown")
    assert node["post"] is None or node["post"]["id"] == node["uri"]
    inner = " ".join(map(told, node["replies"]))
    return NAMES.get(rkey, rkey) + "!" * node["asked"] + f":{state}" * (state != "shown") + f"({inner})" * bool(inner)


def tree(client, of):
    return told(asked(client, of)["root"])


def test_a_thread_is_the_same_from_each_of_its_posts(lake, client):
    lake.flush(ROOT, reply("a", "root"), reply("c", "root", did=BOB), reply("b", "a"))
    assert tree(client, "root") == "root!(a(b) c)"
    assert tree(client, "b") == "root(a(b!) c)"
    assert tree(client, f"https://bsky.app/profile/{BOB}/post/{key('c')}") == "root(a(b) c!)"
    meta = asked(client, "b")["meta"]
    meta.pop("took_ms")
    assert meta == {
        "asked": uri("b"), "root": uri("root"), "posts": 4, "quotes": 0,
        "more": False, "more_quotes": False, "complete": True,
    }  # fmt: skip
    answer = client.post("/api/v1/thread", {"uri": uri("b")}, content_type="application/json").json()
    assert told(answer["root"]) == "root(a(b!) c)"


def test_what_is_gone_has_a_place(lake, client):
    lake.flush(ROOT, reply("a", "root"), reply("b", "a"), reply("c", "x"), reply("d", "root", did=BOB))
    lake.flush(reply("e", uri("d", BOB)), delete(key("a"), time_us=NOON_US + 999 * SECOND_US))
    lake.flush(account(False, "deactivated", did=BOB))
    assert tree(client, "root") == "root!(a:deleted(b) x:unknown(c) d:hidden(e))"
    assert tree(client, "a") == "root(a!:deleted(b) x:unknown(c) d:hidden(e))"
    config.hide_deleted = False
    assert tree(client, "root") == "root!(a(b) x:unknown(c) d(e))"


def test_a_root_that_is_gone_keeps_its_replies(lake, client):
    lake.flush(ROOT, reply("a", "root"), delete(key("root"), time_us=NOON_US + 999 * SECOND_US))
    assert tree(client, "root") == "root!:deleted(a)"
    assert tree(client, "a") == "root:deleted(a!)"
    lake.flush(reply("b", "early", root="early"))
    assert tree(client, "early") == "early!:unknown(b)"


def test_nothing_is_known_of_an_unknown_post(lake, client):
    lake.flush(ROOT)
    found = asked(client, "x")
    assert (told(found["root"]), found["quotes"], found["meta"]["posts"]) == ("x!:unknown", [], 0)


def test_quotes_of_the_root_and_of_the_asked_post_are_apart(lake, client):
    lake.flush(ROOT, reply("a", "root"), quote("q1", "root"), quote("q22", "a", 301), delete(key("q3"), did=BOB))
    assert [hit["id"] for hit in asked(client, "a")["quotes"]] == [uri("q1", BOB), uri("q22", BOB)]
    found = asked(client, "root")
    assert ([hit["id"] for hit in found["quotes"]], found["meta"]["quotes"]) == ([uri("q1", BOB)], 1)
    assert told(found["root"]) == "root!(a)"


def test_posts_that_lie_have_one_place(lake, client):
    lake.flush(ROOT, reply("a", "b"), reply("b", "a"), reply("c", "c"), reply("d", "o"), reply("o", "p", root="other"))
    lake.flush(reply("e", "https://example.com"), reply("f", f"at://{ALICE}/app.bsky.feed.like/x"))
    assert tree(client, "root") == "root!(a(b) c e f o(d))"
    lake.flush(
        post(
            "root",
            operation="update",
            rkey=key("root"),
            time_us=NOON_US + 500 * SECOND_US,
            reply={"root": ref(uri("a")), "parent": ref(uri("a"))},
        )
    )
    assert tree(client, "b") == "root(a(b!) c e f o(d))"


def test_the_newest_version_of_a_post_has_the_place(lake, client):
    lake.flush(ROOT, reply("a", "root"), reply("b", "root"))
    lake.flush(reply("b", "a", at=200, operation="update"))
    assert tree(client, "root") == "root!(a(b))"
    config.hide_deleted = False
    assert tree(client, "root") == "root!(a(b))"


def test_the_oldest_posts_of_a_large_thread_and_the_way_to_the_asked_one(lake, client, monkeypatch):
    monkeypatch.setattr(threads, "MOST_POSTS", 3)
    monkeypatch.setattr(threads, "MOST_QUOTES", 1)
    keys = [tid(NOON_US + n * SECOND_US) for n in range(8)]
    chain = [reply(key, keys[n - 1] if n else "root", at=n) for n, key in enumerate(keys)]
    lake.flush(ROOT, *chain, quote("q1", "root"), quote("q22", "root", 301))
    first, found = asked(client, "root"), asked(client, keys[7])
    assert told(first["root"]).count("(") == 3
    assert (first["meta"]["more"], first["meta"]["more_quotes"], first["meta"]["complete"]) == (True, True, True)
    assert told(found["root"]) == "root(" + "(".join(keys) + "!" + ")" * 8
    monkeypatch.setattr(threads, "READ", 2)
    assert asked(client, "root")["meta"]["more"] is True


def test_posts_before_a_root_of_the_future_are_found(lake, client):
    ahead = tid(NOON_US + 40_000_000 * SECOND_US)
    lake.flush(post("root", rkey=ahead, time_us=NOON_US), reply("a", ahead, root=ahead), reply("b", "root"))
    assert tree(client, ahead) == f"{ahead}!(a)"


def test_a_thread_that_reaches_its_time_limit_has_what_was_found(lake, client, monkeypatch):
    lake.flush(ROOT, reply("a", "root"), quote("q", "root"))
    read = threads._Reading._read

    def slow(self, search, column, uris, files):
        if column == "quote_uri":
            self._deadline = 0
        return read(self, search, column, uris, files)

    monkeypatch.setattr(threads._Reading, "_read", slow)
    found = asked(client, "a")
    assert (told(found["root"]), found["quotes"], found["meta"]["complete"]) == ("root(a!)", [], False)


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "is required"),
        ("uri=", "is required"),
        ("uri=alice.example", "takes the AT-URI of a post"),
        (f"uri={uri('a')}&uri={uri('b')}", "more than once"),
        (f"uri=at://{ALICE}/app.bsky.feed.like/x", "takes the AT-URI of a post"),
    ],
)
def test_wrong_uris_are_refused(db, client, query, says):
    response = client.get(f"/api/v1/thread?{query}")
    assert response.status_code == 400
    (detail,) = response.json()["error"]["details"]
    assert (detail["field"], says in detail["message"]) == ("uri", True), detail


def test_who_liked_and_reposted_a_post_are_counted_by_its_url(lake, client):
    lake.flush(ROOT, like(uri("root"), did=BOB), like(uri("root"), did=CAROL), like(uri("other"), did=CAROL))
    url = f"https://bsky.app/profile/{ALICE}/post/{key('root')}"
    found = client.get("/search", {"dataset": "likes", "subject": url, "limit": 1, "total": "true"}).json()
    assert (found["meta"]["total"], found["meta"]["total_relation"]) == (2, "eq")


@given(st.lists(st.integers(1, 400), max_size=300))
def test_levels_are_bounded_and_no_post_is_lost(steps):
    """Steps go down one level, or up to any."""
    order = [Place("0", 0)]
    for number, step in enumerate(steps, 1):
        order.append(Place(str(number), min(step, order[-1].level + 1)))
    root = nested(order, {place.uri: {"uri": place.uri, "replies": []} for place in order})
    seen, left = [], [(root, 0)]
    while left:
        node, level = left.pop()
        seen.append((node["uri"], level))
        left += [(one, level + 1) for one in reversed(node["replies"])]
    assert seen == [(uri, min(level, MOST_LEVELS - 1)) for uri, level in order]
