"""Every filter that has parameters is asked for by each of them: in a query, as JSON, excluded, and as documented."""

import re

import pytest

from api.params.query import FILTER_PARAMETERS
from api.schema.openapi import schema
from deploy.local.child import ROOT
from lake.query.filters import FILTERS
from tests.builders import ALICE, post
from tests.lake.query.test_filters import EXAMPLES

API = (ROOT / "docs" / "api.md").read_text()
SPECS = {parameter.name: spec for spec in FILTERS.values() for parameter in spec.parameters}
KINDS = {parameter.name: kind for kind, spec in FILTERS.items() for parameter in spec.parameters}
VALUES = [(name, value) for name, spec in SPECS.items() for value in spec.choices or EXAMPLES[KINDS[name]][:1]]


def total(response):
    assert response.status_code == 200, response.content
    return response.json()["meta"]["total"]


@pytest.mark.parametrize("posts", [0, 3], ids=["empty", "filled"])
def test_each_is_answered_and_excluding_is_all_other_posts(lake, client, posts):
    if posts:
        lake.flush(*(post(f"#lake https://example.com/page {n}", rkey=f"k{n}") for n in range(posts)))
    for name, value in VALUES:
        operator = SPECS[name].operator
        passing = total(client.get("/search", {name: value}))
        assert passing in (0, posts)
        assert total(client.get("/search", {name: f"-{value}"})) == posts - passing
        assert total(client.post("/search", {name: [value]}, content_type="application/json")) == passing
        assert total(client.get("/search", {"text": f"{operator}:{value}"})) == passing
        assert total(client.get("/search", {"text": f"-{operator}:{value}"})) == posts - passing
    assert total(client.get("/search", {"did": ALICE})) == posts


@pytest.mark.parametrize("name", FILTER_PARAMETERS)
@pytest.mark.parametrize("path", ["search", "export", "export/manifest", "timeline", "top"])
def test_each_is_in_the_schema_of_what_takes_it(name, path):
    operations = schema()["paths"][f"/api/v1/{path}"]
    (parameter,) = [each for each in operations["get"]["parameters"] if each["name"] == name]
    (help_text,) = [one.help for one in SPECS[name].parameters if one.name == name]
    assert parameter["description"] == help_text
    for choice in SPECS[name].choices:
        assert {choice, f"-{choice}"} <= set(parameter["schema"]["items"]["enum"])


@pytest.mark.parametrize("name", FILTER_PARAMETERS)
def test_each_is_in_the_guide_with_all_its_choices(name):
    section = API.split("\n## Search\n")[1].split("| column | meaning |")[0]
    (line,) = re.findall(rf"^\| `{name}` \|.*$", section, re.MULTILINE)
    missing = [choice for choice in SPECS[name].choices if f"`{choice}`" not in line]
    assert missing == [], f"docs/api.md does not name these choices of {name}"
