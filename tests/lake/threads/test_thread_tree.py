"""A thread's posts have one place each, whatever they say they answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.threads.thread_tree import Place, reading_order

PARENT = st.none() | st.sampled_from("abcdef") | st.sampled_from("abcrx")
PARENTS = st.lists(PARENT, max_size=6).flatmap(
    lambda said: st.permutations("abcdef").map(lambda uris: dict(zip(uris, said, strict=False)))
)


@pytest.mark.parametrize(
    ("parents", "told"),
    [
        ({}, "r0"),
        ({"a": "r", "b": "a", "c": "r"}, "r0 a1 b2 c1"),
        ({"b": "a", "a": "r"}, "r0 a1 b2"),  # seen before what it answers
        ({"a": None, "b": "a"}, "r0 a1 b2"),
        ({"a": "x", "b": "x", "c": "r"}, "r0 x1 a2 b2 c1"),  # what they answer is missing
        ({"a": "r", "b": "x"}, "r0 a1 x1 b2"),
        ({"a": "a", "b": "a"}, "r0 a1 b2"),
        ({"b": "a", "a": "b"}, "r0 b1 a2"),
        ({"c": "a", "b": "a", "a": "b"}, "r0 b1 a2 c3"),
        ({"r": "a", "a": "r"}, "r0 a1"),  # the root says that it is a reply
    ],
)
def test_the_order_of_a_thread(parents, told):
    assert " ".join(f"{uri}{level}" for uri, level in reading_order("r", parents)) == told


def ancestors(place, order):
    """Those of a place in the reading order, nearest first."""
    level, before = place.level, order[: order.index(place)]
    for one in reversed(before):
        if one.level < level:
            level = one.level
            yield one.uri


@given(PARENTS)
def test_each_post_has_one_place_below_what_it_answers(parents):
    order = reading_order("r", parents)
    places = {place.uri: place for place in order}
    assert len(places) == len(order)
    missing = {parent for uri, parent in parents.items() if uri != "r" and parent not in (None, "r", *parents)}
    assert set(places) == {"r", *parents, *missing}
    assert order[0] == Place("r", 0)
    moved = set()
    for uri, parent in parents.items():
        if uri != "r" and next(ancestors(places[uri], order)) != (parent or "r"):
            moved.add(uri)
            assert places[uri].level == 1
    for uri in moved:  # only one of a circle
        circle, at = [uri], parents[uri]
        while at != uri:
            circle.append(at)
            at = parents[at]
        assert moved & set(circle) == {uri}
        assert min(circle, key=list(parents).index) == uri


@given(st.permutations("abcdef"))
def test_replies_of_one_post_stay_in_their_order(uris):
    assert [place.uri for place in reading_order("r", dict.fromkeys(uris, "r"))] == ["r", *uris]


def test_depth_is_no_matter():
    deep = 20_000
    chain = {str(n): str(n - 1) if n else "r" for n in reversed(range(deep))}
    order = reading_order("r", chain)
    assert order[-1] == Place(str(deep - 1), deep)
    ring = chain | {"0": str(deep - 1)}
    assert len(reading_order("r", ring)) == deep + 1
