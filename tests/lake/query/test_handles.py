"""Handles give way to DIDs, wherever an account may be named."""

import pytest

from lake.query.filter_values import ACCOUNT, SUBJECT
from lake.query.filters import FILTERS
from lake.query.handles import resolve_handles
from lake.query.parser import parse
from lake.query.rendering import render
from lake.query.tree import Filter

DIDS = {"a.x": "did:plc:a", "c.y": "did:plc:c"}


def test_handles_give_way_to_dids():
    tree = parse("from:@A.x,did:plc:b -(mentions:c.y OR tag:d.z) e.w")
    done = resolve_handles(tree, DIDS.__getitem__)
    assert render(done) == "from:did:plc:a,did:plc:b -(mentions:did:plc:c OR #d.z) e.w"
    assert resolve_handles(done, {}.__getitem__) == done


def test_handles_in_subjects_do_too():
    tree = parse("subject:at://a.x/app.bsky.feed.post/k,c.y,did:plc:b,at://did:plc:b/app.bsky.feed.post/k.x")
    done = resolve_handles(tree, DIDS.__getitem__)
    uri, *others = done.values
    assert uri == "at://did:plc:a/app.bsky.feed.post/k"
    assert others == ["did:plc:c", "did:plc:b", "at://did:plc:b/app.bsky.feed.post/k.x"]


def test_a_handle_that_nobody_knows_is_not_searched_for_as_it_is():
    with pytest.raises(KeyError, match=r"a\.x"):
        resolve_handles(parse("from:a.x"), {}.__getitem__)


@pytest.mark.parametrize("kind", [kind for kind, spec in FILTERS.items() if spec.value in (ACCOUNT, SUBJECT)])
def test_each_filter_that_takes_an_account_takes_part(kind):
    assert resolve_handles(Filter(kind, ("a.x",)), DIDS.__getitem__) == Filter(kind, ("did:plc:a",))
