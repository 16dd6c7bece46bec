"""/api/schema tells the truth about what is there, and /api/docs shows it without asking anybody else."""

import json
import re
from contextlib import closing
from html.parser import HTMLParser
from io import StringIO

import pytest
from django.core.management import call_command
from jsonschema import Draft202012Validator

from api.params.analysis import PostsParams, RowsByUriParams, ThreadParams, TimelineParams, TopParams
from api.params.export import ExportParams
from api.params.search import SearchParams
from api.params.strict import WindowParams
from api.schema.openapi import schema
from deploy.local.child import ROOT
from lake.query.filters import synonyms
from lake.schema import DATASETS
from tests.api.views.test_labels import new_key

PARAMS = {
    "search": SearchParams,
    "export": ExportParams,
    "timeline": TimelineParams,
    "top": TopParams,
    "posts": PostsParams,
    "rows": RowsByUriParams,
    "thread": ThreadParams,
    "stats": WindowParams,
    "coverage": WindowParams,
}


LABELS = "/api/v1/labels"  # takes them from some keys, and joins them to their posts later


def success(path):
    return "202" if path == LABELS else "200"


OPERATIONS = [
    pytest.param(path, method, operation, id=f"{method} {path}")
    for path, methods in schema()["paths"].items()
    for method, operation in methods.items()
]


def resolved(node):
    while "$ref" in node:
        found = schema()
        for part in node["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        node = found
    return node


def test_it_is_valid_and_nothing_is_left_to_guesses():
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=StringIO())


def test_it_is_openapi_3_1_and_served_as_json(client):
    response = client.get("/api/schema", headers={"accept": "text/html"})
    assert response["Content-Type"] == "application/json"
    found = response.json()
    assert found["openapi"].startswith("3.1")
    assert found == json.loads(json.dumps(schema()))


def test_it_has_each_endpoint_below_the_version_and_names_the_others():
    paths = set(schema()["paths"])
    assert {f"/api/v1/{name}" for name in PARAMS} <= paths
    assert all(path.startswith("/api/v1/") for path in paths)
    assert all(f"`/{name}`" in schema()["info"]["description"] for name in ("search", "export"))


@pytest.mark.parametrize("name", PARAMS)
def test_parameters_are_those_that_are_read_in_the_query_and_as_json(name):
    operations, fields = schema()["paths"][f"/api/v1/{name}"], PARAMS[name]().fields
    known = [each for field in fields for each in (field, *synonyms(field))]
    if "get" in operations:
        assert sorted(each["name"] for each in operations["get"]["parameters"]) == sorted(known)
    if "post" in operations:
        body = operations["post"]["requestBody"]["content"]
        assert list(body) == ["application/json"]
        shape = resolved(body["application/json"]["schema"])
        assert sorted(shape["properties"]) == sorted(known)
        assert shape["additionalProperties"] is False


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_each_operation_says_what_it_is_for_what_it_answers_and_gives_an_example(path, method, operation):
    assert operation["summary"]
    assert operation["description"]
    assert all(parameter["description"] for parameter in operation.get("parameters", []))
    assert {success(path), "400", "401", "429", "500", "503"} <= set(operation["responses"])
    for content in resolved(operation["responses"][success(path)])["content"].values():
        assert content.get("examples") or content["schema"].get("format") == "binary"
    if "requestBody" in operation:
        assert operation["requestBody"]["content"]["application/json"]["examples"]
        assert "413" in operation["responses"]
    assert operation["security"] == [{}, {"bearer": []}, {"header": []}]


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_errors_are_all_of_one_shape(path, method, operation):
    for status, response in operation["responses"].items():
        if status not in (success(path), "414"):
            content = resolved(response)["content"]["application/json"]
            assert content["schema"] == {"$ref": "#/components/schemas/Error"}


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_examples_are_of_the_shape_that_is_promised(path, method, operation):
    asked = operation.get("requestBody", {}).get("content", {})
    for contents in (asked, operation["responses"][success(path)]["content"]):
        for content in contents.values():
            validator = Draft202012Validator({**content["schema"], "components": schema()["components"]})
            for example in content.get("examples", {}).values():
                validator.validate(example["value"])


def test_a_synonym_is_described_by_its_parameter():
    of = {each["name"]: each for each in schema()["paths"]["/api/v1/search"]["get"]["parameters"]}
    assert of["since"]["description"] == "The same as start."
    assert of["mentions"]["schema"] == of["mention"]["schema"]


def test_limits_defaults_and_choices_are_told():
    of = {each["name"]: each for each in schema()["paths"]["/api/v1/search"]["get"]["parameters"]}
    assert of["limit"]["schema"] == {"type": "integer", "minimum": 1, "maximum": 1000}
    assert of["dataset"]["schema"] == {"type": "string", "enum": list(DATASETS), "default": "posts", "minLength": 1}
    body = schema()["paths"]["/api/v1/search"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert resolved(body)["properties"]["did"]["anyOf"][1]["maxItems"] == 10_000
    assert {"alt", "-alt"} < set(of["has"]["schema"]["items"]["enum"])
    assert of["exact"]["schema"] == {"type": "boolean", "default": False}


def test_rows_have_the_columns_of_all_datasets():
    row = schema()["components"]["schemas"]["Row"]
    assert set(row["properties"]) == {name for dataset in DATASETS for name in SearchParams().columns(dataset)}
    assert all(column["description"] for column in row["properties"].values())


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_examples_can_be_asked(lake, client, path, method, operation):
    if method == "post":
        for example in operation["requestBody"]["content"]["application/json"]["examples"].values():
            headers = {"X-API-Key": new_key(may_label=True)} if path == LABELS else {}
            response = client.post(path, example["value"], content_type="application/json", headers=headers)
            assert response.status_code == int(success(path)), response.content
    else:
        for query in re.findall(r"`\?([^`]+)`", operation["description"]):
            response = client.get(f"{path}?{query}")
            assert response.status_code == 200, response.getvalue()


# --- /api/docs --------------------------------------------------------------------------------------------------


class Assets(HTMLParser):
    """Where a page gets its parts from, and whether scripts stand in it."""

    def __init__(self, page):
        super().__init__()
        self.found, self.inline = [], False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag in ("script", "img", "iframe", "source"):
            self.found.append(attrs.get("src"))
            self.inline |= tag == "script" and "src" not in attrs
        elif tag == "link":
            self.found.append(attrs["href"])


def test_the_page_has_no_asset_from_elsewhere_and_its_policy_allows_none(client, db):
    response = client.get("/api/docs")
    assert response["Content-Type"].startswith("text/html")
    page = Assets(response.content.decode())
    assert len(page.found) == 4
    assert not page.inline
    for asset in page.found:
        assert asset.startswith("/static/")
        with closing(client.get(asset)) as found:
            assert found.status_code == 200
    policy = dict(part.strip().split(" ", 1) for part in response["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'self'"
    assert "script-src" not in policy
    assert not re.search(r"https?:|\*", response["Content-Security-Policy"])


def test_what_starts_the_page_asks_nobody_else():
    script = (ROOT / "explorer" / "static" / "explorer" / "docs.js").read_text()
    assert "validatorUrl: null" in script
    assert not re.search(r"https?://", script)


@pytest.mark.parametrize("page", ["guide", "search-syntax"])
def test_the_guides_are_served(client, page):
    response = client.get(f"/api/{page}")
    assert (response.status_code, response["Content-Type"]) == (200, "text/markdown; charset=utf-8")
