"""docs/api.md has the parameters, columns, fields, errors, flags and limits of the code."""

import re

import pytest
from rest_framework.exceptions import MethodNotAllowed, NotAuthenticated, Throttled

from api.access.concurrency import Overloaded
from api.answers.errors import _PROBLEMS, UNEXPECTED
from api.params.analysis import PostsParams, RowsByUriParams, ThreadParams, TimelineParams, TopParams
from api.params.export import MAX_SAMPLE, ExportParams
from api.params.fields import MAX_VALUES
from api.params.query import result_columns
from api.params.search import MAX_SKIPPED, SearchParams
from api.params.strict import WindowParams
from api.schema import lookups, manifests, shapes
from deploy.local.child import ROOT
from lake.flags.definitions import Flags
from lake.query.filters import synonyms
from lake.query.parser import MAX_CHARACTERS, MAX_TERMS
from lake.schema import DATASETS
from lake.search.aggregates import MOST_BUCKETS
from tests.api.params.asking import FLAGS

API = (ROOT / "docs" / "api.md").read_text()


def documented(section, head):
    """The first column of the table with this head, in this section."""
    text = API.split(f"\n## {section}\n")[1].split("\n## ")[0]
    table = text.split(f"| {head} | meaning |")[1].split("\n\n")[0]
    return re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)


BESIDES = {
    "page",
    "limit",
    "token",
    "total",
    "sample",
    "sample_per",
    "seed",
    "sort",
    "fields",
}  # of the search, and of it only


@pytest.mark.parametrize(
    ("section", "kind"),
    [
        ("Search", SearchParams),
        ("Export", ExportParams),
        ("Posts", PostsParams),
        ("Rows", RowsByUriParams),
        ("Thread", ThreadParams),
        ("Stats", WindowParams),
        ("Coverage", WindowParams),
    ],
)
def test_the_documented_parameters_are_those_that_are_read(section, kind):
    assert sorted(documented(section, "parameter")) == sorted(kind().fields)


@pytest.mark.parametrize(("section", "kind"), [("Timeline", TimelineParams), ("Top", TopParams)])
def test_the_documented_parameters_beside_those_of_a_search_are_those_that_are_read(section, kind):
    common = set(SearchParams().fields) - BESIDES
    assert set(documented(section, "parameter")) | common == set(kind().fields)


def test_the_documented_synonyms_are_those_that_are_read():
    table = API.split("| parameter | synonyms |")[1].split("\n\n")[0]
    shown = {names[0]: tuple(names[1:]) for line in table.splitlines()[2:] if (names := re.findall("`(\\w+)`", line))}
    assert shown == {name: synonyms(name) for name in SearchParams().fields if synonyms(name)}


def test_the_documented_columns_are_those_of_the_answers():
    assert documented("Search", "column") == SearchParams().columns("posts")
    table = API.split("| dataset | columns |")[1].split("\n\n")[0]
    for line in table.splitlines()[2:]:
        dataset, *names = re.findall("`(\\w+)`", line)
        assert [*result_columns("likes")[:5], *names] == result_columns(dataset)
    assert len(table.splitlines()) - 2 == len(DATASETS) - 1


def test_the_documented_keys_of_a_node_are_those_of_the_answers():
    assert documented("Thread", "key") == list(shapes.SCHEMAS["ThreadNode"]["properties"])


@pytest.mark.parametrize(
    ("section", "shape"),
    [
        ("Search", shapes.PAGE.schema["properties"]["meta"]),
        ("Posts", lookups.POSTS.schema["properties"]["meta"]),
        ("Thread", shapes.THREAD.schema["properties"]["meta"]),
        ("Coverage", shapes.COVERAGE.schema),
        ("Manifest", {"properties": manifests.MANIFEST.schema["properties"] | manifests.MADE.schema["properties"]}),
    ],
)
def test_the_documented_fields_are_those_of_the_answers(section, shape):
    assert set(documented(section, "field")) == set(shape["properties"]) - {"meta"}


def test_the_documented_errors_are_those_that_are_answered():
    """Each code is looked for in the sources; that there is no other, must_be_error of test_views sees."""
    table = API.split("| status | code | what to do |")[1].split("\n\n")[0]
    codes = re.findall(r"^\| [0-9]{3} \| `(\w+)` \|", table, re.MULTILINE)
    assert len(codes) == len(set(codes))
    known = {found.code for _, found in _PROBLEMS} | {UNEXPECTED.code, "invalid_parameter"}
    known |= {error.default_code for error in (NotAuthenticated, MethodNotAllowed, Throttled, Overloaded)}
    known |= {"unknown_key", "expired_key", "revoked_key", "export_disabled", "unknown_handle", "may_not_label"}
    assert set(codes) == known


def test_the_documented_flags_are_all_of_them():
    table = API.split("| flag | when it is changed |")[1].split("\n\n")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == Flags._fields


def test_the_documented_limits_are_those_that_hold():
    assert f"{MAX_CHARACTERS:,} characters and {MAX_TERMS} terms" in API
    assert f"lists of up to {MAX_VALUES:,} strings" in API
    assert f"hits, up to {MAX_SKIPPED:,}" in API
    assert f"The export takes up to {MAX_SAMPLE:,}" in API
    assert f"At most {MOST_BUCKETS:,} of them" in API
    assert f"has {FLAGS.anonymous_rate} requests a minute" in API
    assert "limited to 8190 bytes" in API
    assert "limit_request_line = 8190" in (ROOT / "deploy" / "gunicorn.conf.py").read_text()
