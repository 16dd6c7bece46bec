"""The values of a request: its query string, or the JSON of a POST."""

import pytest
from django.test import RequestFactory

from api.params.request_values import read_request
from lake.query.parser import parse
from lake.query.tree import And, Filter
from tests.api.params.asking import faults, params


def test_a_post_takes_the_same_names_as_json():
    dids = [f"did:plc:{n:024}" for n in range(10_000)]
    body = {"text": "lake", "did": dids, "limit": 5, "exact": True, "start": None, "lang": "-en"}
    found = params(body)
    assert found.is_valid(), found.errors
    assert found.validated_data["did"] == And((Filter("author", tuple(dids)),))
    assert found.validated_data["text"] == parse("lake", exact=True)
    assert found.validated_data["limit"] == 5
    assert set(faults({"did": [*dids, dids[0]]})) == {"did"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        *(
            (text, "body")
            for text in ("[]", "1", "{", '{"a": NaN}', '{"text": "a", "text": "b"}', "[" * 100_000, "\xff")
        ),
        *((f'{{"text": {value}}}', "text") for value in ('["a", "b"]', '{"a": 1}', "[[1]]", '"\\ud800"', '"\\u0000"')),
        ('{"foo": 1}', "foo"),
        ('{"limit": 1.5}', "limit"),
        ('{"limit": true}', "limit"),
    ],
)
def test_a_body_that_means_nothing_is_a_fault(body, field):
    assert set(faults(body if isinstance(body, bytes) else body.encode())) == {field}


def test_a_post_has_its_parameters_in_its_body_only():
    request = RequestFactory().post("/search?text=a", "{}", content_type="application/json")
    assert set(read_request(request).faults) == {"text"}
