"""What /api/schema promises holds for whatever is asked: the running service against schemathesis, all its checks."""

import json
import re
from urllib.parse import parse_qsl, urlsplit
from urllib.request import urlopen

import pytest
import schemathesis
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schemathesis.config import ProjectConfig, ProjectsConfig, SchemathesisConfig
from schemathesis.engine import Status, events, from_schema

from api.schema.openapi import schema

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore:Generating overly large repr"),  # of a list of 10,001 values
]

WORDS = st.sampled_from(
    ["lake", '"a walk"', "#fishing", "la*e", "lang:pt", "has:image", "from:alice.example", "湖", "%"]
)
TEXTS = {
    "search": st.lists(WORDS, max_size=4).map(" ".join) | st.lists(WORDS, min_size=2, max_size=4).map(" OR ".join),
    "token": st.just(""),  # a real one belongs to a query
    "columns": st.sampled_from(["id", "id,did", "timestamp", "seen_at"]),
    "lang": st.sampled_from(["en", "pt-BR", "-en"]),
    "tag": st.sampled_from(["#fishing", "fishing", "-x"]),
    "domain": st.sampled_from(["example.com", "-example.com"]),
    "url": st.sampled_from(["https://example.com/page", "example.com"]),
    "label": st.sampled_from(["toxic", "-toxic>=0.7", "toxic@model-x>0.5", "lang=ja", '"a b"@"m""x"']),
    "self": st.sampled_from(["porn", "-graphic-media"]),
    "item": st.sampled_from(["lake", " a walk", "#fishing", "la*e", "exact: Lake"]),
}
# What a schema can't say: parameters that are right one by one, and wrong together.
CONTRADICTIONS = re.compile(
    r"is not after start:|x limit is more than|gives a single page:|can't be combined with token"
    r"|needs sample:|is for format=csv"
    r"|is for posts|is the AT-URI of a post that|is a DID for|have no subject|must be authors?"
    r"|deletes have no createdAt|needs words|take fewer"
    r"|is out of range|is not a date"  # the years 0 and 10000, and leap seconds, are dates to a schema
    r"|is not a column of|needs a language"
)
MOMENTS = ["2026-06-30", "2026-07-01T12:00:00Z"]  # of as_of: others are later than what is here
for name, strategy in TEXTS.items():
    schemathesis.openapi.format(name, strategy)


@schemathesis.check
def valid_data_is_accepted(ctx, response, case):
    """As positive_data_acceptance, which knows nothing of contradictions."""
    if case.meta and case.meta.generation.mode.is_positive and response.status_code == 400:
        details = json.loads(response.content)["error"]["details"]
        wrong = [detail for detail in details if not CONTRADICTIONS.search(detail["message"])]
        assert details
        assert not wrong, wrong


@schemathesis.check
def what_was_accepted_is_allowed(ctx, response, case):
    """Instead of negative_data_rejection, which does not know that an empty value is as good as none, and that all
    that is sent in a query is text: whatever was answered with 200 is what the schema allows."""
    if response.status_code == 200:
        operation = schema()["paths"][case.path][case.method.lower()]
        if case.method == "POST":
            body = operation["requestBody"]["content"]["application/json"]["schema"]
            Draft202012Validator({**body, "components": schema()["components"]}).validate(
                given(json.loads(response.request.body or b"{}"))
            )
        else:
            allowed = {each["name"]: each["schema"] for each in operation["parameters"] if each["in"] == "query"}
            sent = parse_qsl(urlsplit(response.request.url).query, keep_blank_values=True)
            for name, text in sent:
                assert name in allowed
                assert not text or fits(allowed[name], text), (name, text)


def given(body):
    """Without what is as good as none."""
    found = {
        name: [one for one in value if one != ""] if isinstance(value, list) else value for name, value in body.items()
    }
    return {name: value for name, value in found.items() if value not in ("", [])}


def fits(schema, text):
    match schema:
        case {"type": "array"}:
            return fits(schema["items"], text)
        case {"type": "integer"}:
            number = re.fullmatch("-?[0-9]+", text)
            return number and schema.get("minimum", 0) <= int(text) <= schema.get("maximum", 1e100)
        case {"type": "boolean"}:
            return text.lower() in ("true", "false")
        case {"enum": choices}:
            return text in choices
        case {"pattern": pattern}:
            return re.search(pattern, text)
        case {"anyOf": _}:
            return re.match("[0-9]{4}-[0-9]{2}-[0-9]{2}([T ]|$)", text)
    return True


def acceptable(node):
    """The schema without what is given twice when all that may be sent is sent, and with moments that have been: nearly
    all would be refused."""
    match node:
        case {"name": "as_of", "in": "query"}:
            return node | {"schema": {"enum": MOMENTS}}
        case dict():
            kept = {key: acceptable(value) for key, value in node.items() if not is_synonym(value)}
            return kept | ({"as_of": {"enum": MOMENTS}} if "as_of" in node and "text" in node else {})
        case list():
            return [acceptable(value) for value in node if not is_synonym(value)]
    return node


def is_synonym(node):
    return isinstance(node, dict) and str(node.get("description")).startswith("The same as ")


def run(live, examples, seed, phases):
    project = ProjectConfig.from_dict(
        {
            "base-url": f"http://127.0.0.1:{live.port}",
            "generation": {"max-examples": examples, "database": "none"},
            "checks": {
                "positive_data_acceptance": {"enabled": False},
                "negative_data_rejection": {"enabled": False},
            },
            "phases": {name: {"enabled": name in phases} for name in ("examples", "coverage", "fuzzing", "stateful")},
            "request-timeout": 30,
        }
    )
    config = SchemathesisConfig(projects=ProjectsConfig(default=project), seed=seed)
    with urlopen(f"http://127.0.0.1:{live.port}/api/schema") as response:
        served = json.load(response)
    loaded = schemathesis.openapi.from_dict(acceptable(served), config=config)
    asked, wrong = set(), []
    for event in from_schema(loaded).execute():
        match event:
            case events.ScenarioFinished():
                asked.update(event.label for _ in event.recorder.interactions)
                if event.status in (Status.FAILURE, Status.ERROR):
                    wrong += failures(event.recorder)
            case events.NonFatalError() | events.FatalError():
                wrong.append(str(getattr(event, "value", None) or event.exception))
    assert not wrong, "\n\n".join(dict.fromkeys(wrong))
    return asked


def failures(recorder):
    for case_id, checks in recorder.checks.items():
        for check in checks:
            if check.status == Status.FAILURE:
                interaction = recorder.interactions.get(case_id)
                request = interaction.request if interaction else None
                answer = interaction.response.content[:300] if interaction and interaction.response else b""
                yield (
                    f"{check.name}: {check.failure_info.failure}\n"
                    f"{request and request.method} {request and request.uri} {request and request.body}\n{answer}"
                )


def test_nothing_is_found_in_a_few_examples_of_each_operation(live):
    asked = run(live, examples=3, seed=1, phases=("examples", "fuzzing"))
    assert {label.rpartition("/")[2] for label in asked} >= {"search", "export", "manifest", "timeline", "top", "posts"}
    assert "Traceback" not in live.log.read_text()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_nothing_is_found_in_many(live, seed):
    run(live, examples=30, seed=seed, phases=("examples", "coverage", "fuzzing"))
    assert "Traceback" not in live.log.read_text()
