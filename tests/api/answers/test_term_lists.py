"""`any`: lists of alternatives over HTTP, against a plain reading of the texts."""

import json

import pytest

from lake.query.parser import any_of, parse_item
from lake.query.sql import matched_terms, named_terms
from lake.schema import DATASETS
from lake.search.matches import term_finder
from lake.storage.duckdb_engine import Engine
from tests.builders import NOON_US, post
from tests.lake.query.query_table import ROWS
from tests.lake.query.reference import matches
from tests.lake.search.test_query_answers import answer, arrow, found

TEXTS = [
    "The lake house",
    "a flake",
    "Roy Cooper #Fish",
    "Leroy Cooperman",
    "roy  then cooper",
    'he said "lake"',
    "none",
]
# By item: the numbers of the texts that have it.
ITEMS = {
    "lake": {0, 1, 5}, "Lake House": {0}, "exact:LAKE": {0, 5}, "roy*cooper": {2, 3, 4}, "exact:roy cooper": {2},
    "#fish": {2}, '"lake"': {5}, "-none": set(), "a OR b": set(), "# ": {2}, "from:alice": set(),
}  # fmt: skip


@pytest.fixture
def posts(lake):
    lake.flush(*(post(text, rkey=f"k{n}", time_us=NOON_US + n) for n, text in enumerate(TEXTS)))
    return lake


def ask(client, path="/search", **body):
    response = client.post(path, body, content_type="application/json")
    assert response.status_code == 200, response.getvalue()
    return response.json()


def number(row):
    return int(row["id"][-1])


def test_each_item_finds_its_posts(posts, client):
    for item, expected in ITEMS.items():
        assert {number(row) for row in ask(client, any=item)["results"]} == expected, item
        assert client.get("/search", {"any": item}).json()["meta"]["total"] == len(expected)


def test_a_list_finds_what_one_of_them_finds_and_says_which(posts, client):
    found = ask(client, any=list(ITEMS))["results"]
    assert {number(row) for row in found} == set.union(*ITEMS.values())
    for row in found:
        assert set(row["matched"]) == {item for item, has in ITEMS.items() if number(row) in has}
    both = ask(client, any=["lake", "cooper"], text="roy OR said")["results"]
    assert {number(row): row["matched"] for row in both} == {
        2: ["roy", "cooper"], 3: ["roy", "cooper"], 4: ["roy", "cooper"], 5: ["said", "lake"],
    }  # fmt: skip


def test_it_is_taken_by_all_that_search(posts, client):
    asked = {"any": ["lake", "exact:roy cooper"]}
    assert ask(client, "/api/v1/timeline", **asked)["meta"]["hits"] == 4
    assert ask(client, "/api/v1/top", **asked)["results"][0]["hits"] == 4
    assert ask(client, "/export/manifest", **asked)["rows"] == 4
    response = client.post("/export", asked | {"format": "ndjson"}, content_type="application/json")
    rows = [json.loads(line) for line in b"".join(response).splitlines()]
    assert {row["id"]: row["matched"] for row in rows} == {
        row["id"]: row["matched"] for row in ask(client, **asked)["results"]
    }


def test_a_thousand_items_of_all_kinds(posts, client):
    more = [f"word{n}" for n in range(400)] + [f"東{n}" for n in range(300)] + [f"exact:word{n}" for n in range(289)]
    found = ask(client, any=[*more, *ITEMS], fields=["id", "matched"])
    assert {number(row) for row in found["results"]} == set.union(*ITEMS.values())
    assert ask(client, "/export/manifest", any=[*more, *ITEMS])["query"] == "(1000 alternatives)"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"any": ["a"] * 1001}, "any"), ({"any": ["x" * 201]}, "any"), ({"any": ["x" * 100] * 501}, "any"),
        ({"any": ["*"]}, "any"), ({"any": [" "]}, "any"), ({"any": "a", "dataset": "likes"}, "any"),
    ],
)  # fmt: skip
def test_what_is_no_such_list_is_a_fault(db, client, body, field):
    answer = client.post("/search", body, content_type="application/json")
    assert answer.status_code == 400
    assert field in [detail["field"] for detail in answer.json()["error"]["details"]]


@pytest.fixture(scope="module")
def engine():
    engine = Engine("500MB", 1)
    yield engine
    engine.close()


WRITTEN = [
    *{word for row in ROWS if row["text"] for word in row["text"].replace("\0", " ").split() if word.strip("*")},
    *("exact:cat", "exact:roy cooper", "roy*cooper", "#covid-19", "#lake", "#🔥", "a*c", "exact:東京"),
]


def test_the_names_that_the_sql_of_an_export_gives_are_those_of_a_page(engine):
    """One by one, and as a long list."""
    terms = named_terms(parse_item("lake"), [(item, parse_item(item)) for item in WRITTEN])
    for some in (terms, terms[-40:]):
        asked, names = matched_terms(some, DATASETS["posts"]), term_finder(some)
        found = answer(engine, arrow(ROWS), f"rkey, {asked.sql}", asked.values)
        expected = {row["rkey"]: names(row["text"], row["hashtags"] or ()) for row in ROWS}
        assert dict(found) == expected
        assert {row["rkey"]: [name for name, node in some if matches(node, row)] for row in ROWS} == expected


def test_a_long_list_finds_what_its_items_find(engine):
    nodes = [parse_item(item) for item in WRITTEN]
    hits = found(engine, arrow(ROWS), any_of(nodes))
    assert hits == sorted(row["rkey"] for row in ROWS if any(matches(node, row) for node in nodes))
