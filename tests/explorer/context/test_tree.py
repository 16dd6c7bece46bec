"""A thread's nested lists: opened and closed as its posts answer each other."""

from hypothesis import given
from hypothesis import strategies as st

from explorer.context.tree import bluesky_url, items
from tests.builders import ALICE

NODES: st.SearchStrategy[list] = st.recursive(
    st.just([]),
    lambda replies: st.lists(st.builds(lambda below: {"replies": below}, replies), max_size=4),
    max_leaves=12,
)


def node(replies, names):
    uri = f"at://{ALICE}/app.bsky.feed.post/{next(names)}"
    below = [node(one["replies"], names) for one in replies]
    return {"uri": uri, "state": "unknown", "asked": False, "post": None, "replies": below}


def nested(one):
    """As the template writes it."""
    inner = "".join(map(nested, one["replies"]))
    return f"<li>{one['uri']}" + (f"<ol>{inner}</ol>" if inner else "") + "</li>"


@given(NODES)
def test_lists_are_nested_as_the_replies_are(replies):
    root = node(replies, iter(map(str, range(1000))))
    written = "".join(
        f"<li>{item.uri}" + ("<ol>" if item.opens else "</li>" + "</ol></li>" * len(item.closes))
        for item in items(root)
    )
    assert written == nested(root)


def test_where_a_post_may_be():
    assert bluesky_url(f"at://{ALICE}/app.bsky.feed.post/k1") == f"https://bsky.app/profile/{ALICE}/post/k1"
