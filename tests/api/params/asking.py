"""Requests as the tests of parameters write them: a query string, or the JSON of a POST."""

import json
from datetime import UTC, datetime

from django.test import RequestFactory

from api.params.query import to_search
from api.params.request_values import read_request
from api.params.search import SearchParams
from lake.flags.definitions import Flags

FLAGS = Flags()


def params(query, kind=SearchParams, **flags):
    request = RequestFactory().get("/search")
    if isinstance(query, str):
        request.META["QUERY_STRING"] = query.encode().decode("latin-1")
    else:
        body = query if isinstance(query, bytes) else json.dumps(query)
        request = RequestFactory().post("/search", body, content_type="application/json")
    return kind(data=read_request(request), context={"flags": FLAGS._replace(**flags)})


def valid(query, kind=SearchParams, **flags):
    found = params(query, kind, **flags)
    assert found.is_valid(), found.errors
    return found.validated_data


def search(query, kind=SearchParams):
    found = params(query, kind)
    assert found.is_valid(), found.errors
    return to_search(found.validated_data, FLAGS)


def text(query):
    return search(query).query


def faults(query, kind=SearchParams, **flags):
    found = params(query, kind, **flags)
    assert not found.is_valid()
    return {name: " ".join(map(str, texts)) for name, texts in found.errors.items()}


def at(*parts):
    return datetime(*parts, tzinfo=UTC)
