"""Tokens: signed, and bound to their query."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.params.tokens import Token, encode
from lake.query.spec import ResumePoint, SortKey
from tests.api.params.asking import faults, params, valid
from tests.builders import ALICE

TOKEN = Token(ResumePoint(5, SortKey(5, ALICE, "app.bsky.feed.post", "k", "r")), 7, 2, 100, "gte", 50)


def test_a_token_comes_back_and_is_bound_to_its_query():
    query = params("text=a&lang=en&lang=pt&limit=5")
    assert query.is_valid()
    token = encode(TOKEN, query.validated_data["fingerprint"])
    assert valid(f"lang=pt&lang=en&text=a&limit=9&total=true&token={token}")["token"] == TOKEN
    assert valid(f"langs=en&language=pt&text=a&token={token}")["token"] == TOKEN
    assert "another query" in faults(f"text=b&lang=en&lang=pt&token={token}")["token"]
    assert "another query" in faults(f"text=a&lang=en&token={token}")["token"]
    for other in ("sort=oldest", "clock=created", "dataset=profiles", "exact=true"):
        assert "another query" in faults(f"text=a&lang=en&lang=pt&{other}&token={token}")["token"]
    assert set(faults(f"text=a&lang=en&lang=pt&page=2&token={token}")) == {"page"}
    assert set(faults(f"text=a&lang=en&lang=pt&sample=2&token={token}")) == {"sample", "token"}


@pytest.mark.parametrize("dataset", ["posts", "likes", "accounts", "records", "deletes"])
def test_a_token_of_an_older_version_goes_on_or_says_that_it_can_not(dataset):
    """Its key had no collection."""
    asked = f"dataset={dataset}"
    query = params(asked)
    assert query.is_valid()
    old = ResumePoint(5, (5, ALICE, "k", "r"))
    token = encode(TOKEN._replace(start=old), query.validated_data["fingerprint"])
    if dataset in ("records", "deletes"):
        assert "older version" in faults(f"{asked}&token={token}")["token"]
    else:
        key = valid(f"{asked}&token={token}")["token"].start.after
        assert (key.us, key.did, key.rkey, key.version) == (5, ALICE, "k", "r")


@settings(max_examples=50)
@given(st.data())
def test_a_token_that_was_changed_is_refused(data):
    query = params("text=a")
    assert query.is_valid()
    token = encode(TOKEN, query.validated_data["fingerprint"])
    place = data.draw(st.integers(1, len(token) - 1))
    sign = data.draw(st.sampled_from("abcXYZ019-_:"))
    changed = token[:place] + sign + token[place + 1 :]
    if changed != token:
        assert set(faults(f"text=a&token={changed}")) == {"token"}
    assert set(faults(f"text=a&token={token[:place]}")) == {"token"}
