"""Every row of FILTERS is complete: it is parsed, rendered, checked, compiled, and documented."""

import re
from pathlib import Path

import pyarrow as pa
import pytest

from lake.labelfilter.label_sql import LABELS, NO_LABELS
from lake.query.filter_values import QueryError
from lake.query.filters import FILTERS, SYNONYMS, synonyms
from lake.query.handles import resolve_handles
from lake.query.parser import parse
from lake.query.rendering import render
from lake.query.sql import check_dataset, compile_query
from lake.query.tree import Filter, Not
from lake.schema import DATASETS
from lake.storage.duckdb_engine import Engine
from tests.builders import ALICE, BOB
from tests.lake.query.query_table import POST, ROWS

PAGE = (Path(__file__).parents[3] / "docs" / "search-syntax.md").read_text()
TYPES = {
    "VARCHAR": pa.string(),
    "VARCHAR[]": pa.list_(pa.string()),
    "TIMESTAMP": pa.timestamp("us"),
    "BOOLEAN": pa.bool_(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
}
# Two values of each filter. Of those with choices, all are tried.
EXAMPLES = {
    "author": (ALICE, "alice.example"),
    "subject": (POST, BOB, f"https://bsky.app/profile/{ALICE}/post/3mmoodizfwc2j"),
    "root": (POST, f"https://bsky.app/profile/{ALICE}/post/3mmoodizfwc2j"),
    "quotes": (POST, "at://alice.example/app.bsky.feed.post/3mmoodizfwc2j"),
    "lang": ("en", "pt-BR"),
    "tag": ("lake", "#fish"),
    "mention": (BOB, "@alice.example", "https://bsky.app/profile/alice.example"),
    "domain": ("example.com", ".gov.uk"),
    "url": ("https://example.com/page", "example.com"),
    "label": ("toxic", "toxic>=0.7", "toxic@model-x<0.5", "lang=ja", '"very toxic"@"a b"="x y"'),
    "self": ("porn", "graphic-media"),
    "since": ("2026-07-02", "2026-07-01T12:00:00Z"),
    "until": ("2026-07-01", "2026-07-01T12:00:00+02:00"),
}
VALUES = [(kind, value) for kind, spec in FILTERS.items() for value in spec.choices or EXAMPLES[kind]]


@pytest.fixture(scope="module")
def engine():
    engine = Engine("500MB", 1)
    yield engine
    engine.close()


def label_rows(rows):
    """Every second row is toxic by every second of these."""
    if not rows:
        return f"{LABELS} AS ({NO_LABELS})"
    return f"""{LABELS} AS (SELECT seen, did, rkey, rev, 'toxic' AS name, 0.9::DOUBLE AS score, 'x' AS value,
        'm' AS model, seen AS labelled_at, 1 AS arrival FROM rows WHERE epoch(seen)::BIGINT % 2 = 0)"""


def hits(engine, rows, dataset, node):
    """The number of rows that match."""
    schema = pa.schema([(column.name, TYPES[column.type]) for column in dataset.columns])
    condition = compile_query(node, dataset)
    cursor = engine.cursor()
    cursor.register("rows", pa.Table.from_pylist(rows, schema))
    sql = f"WITH {label_rows(rows)} SELECT count(*) FROM rows AS row WHERE {condition.sql}"
    return cursor.execute(sql, condition.values or None).fetchone()[0]


@pytest.mark.parametrize(("kind", "value"), VALUES)
def test_an_operator_is_parsed_and_rendered(kind, value):
    node = Filter(kind, (FILTERS[kind].value.parse(value),))
    operator = FILTERS[kind].operator
    quoted = value.replace('"', '""')
    for text in (f"{operator}:{value}", f'{operator.upper()}:"{quoted}"'):
        assert parse(text) == node
        assert parse(f"-{text}") == Not(node)
    assert parse(render(node)) == node


@pytest.mark.parametrize("kind", FILTERS)
def test_a_synonym_is_as_good_as_the_operator(kind):
    operator, value = FILTERS[kind].operator, (FILTERS[kind].choices or EXAMPLES[kind])[0]
    for name in synonyms(operator):
        assert parse(f"-{name.upper()}:{value}") == parse(f"-{operator}:{value}")
        with pytest.raises(QueryError, match=f"says {name}: at character 1"):
            parse(f'{name}:"\n"')


def test_no_name_means_two_things():
    names = [name for group in SYNONYMS for name in group]
    assert len(names) == len(set(names))
    operators = {spec.operator for spec in FILTERS.values()}
    assert [group for group in SYNONYMS if len(operators & set(group)) != 1] == []


def test_the_page_of_the_syntax_shows_all_synonyms():
    table = PAGE.split("| operator | synonyms |")[1].split("\n\n")[0]
    shown = {names[0]: tuple(names[1:]) for line in table.splitlines()[2:] if (names := re.findall("`(\\w+)`", line))}
    operators = [spec.operator for spec in FILTERS.values()]
    assert shown == {operator: synonyms(operator) for operator in operators if synonyms(operator)}


@pytest.mark.parametrize("kind", FILTERS)
def test_a_wrong_value_is_refused_with_what_is_allowed(kind):
    with pytest.raises(QueryError, match=re.escape(f"takes {FILTERS[kind].value.takes}")):
        FILTERS[kind].value.parse("\n")


@pytest.mark.parametrize(("kind", "value"), VALUES)
@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda dataset: dataset.name)
def test_its_sql_runs_and_the_negation_is_all_other_rows(engine, kind, value, dataset):
    """Over no rows, and over rows of all sorts: for each dataset that has it."""
    node = resolve_handles(Filter(kind, (FILTERS[kind].value.parse(value),)), lambda _handle: ALICE)
    spec = FILTERS[kind]
    if dataset.name not in spec.datasets or spec.fault(*node.values, dataset):
        with pytest.raises(QueryError, match=r"is for posts|is a DID for|is the AT-URI of a post"):
            check_dataset(node, dataset)
        return
    check_dataset(node, dataset)
    rows = ROWS if dataset.name == "posts" else [dict.fromkeys(dataset.names) | {"did": ALICE, "seen": ROWS[0]["seen"]}]
    assert hits(engine, [], dataset, node) == hits(engine, [], dataset, Not(node)) == 0
    assert hits(engine, rows, dataset, node) + hits(engine, rows, dataset, Not(node)) == len(rows)


@pytest.mark.parametrize("kind", FILTERS)
def test_some_made_up_posts_pass_and_some_do_not(engine, kind):
    for value in FILTERS[kind].choices or EXAMPLES[kind][:1]:
        passing = hits(engine, ROWS, DATASETS["posts"], Filter(kind, (FILTERS[kind].value.parse(value),)))
        assert 0 < passing < len(ROWS), f"query_table.ROWS needs rows with and without {kind}:{value}"


@pytest.mark.parametrize("kind", FILTERS)
def test_the_page_of_the_syntax_shows_it_with_all_its_choices(kind):
    spec = FILTERS[kind]
    lines = [line for line in PAGE.splitlines() if re.search(rf"^\|.*`[^`|]*\b{spec.operator}:", line)]
    assert lines
    missing = [choice for choice in spec.choices if f"`{choice}`" not in lines[0] and f":{choice}`" not in lines[0]]
    assert missing == [], f"docs/search-syntax.md does not name these choices of {spec.operator}:"


def test_the_page_of_the_syntax_says_which_filters_other_datasets_have():
    (sentence,) = re.findall(r"In datasets other than posts, only ([^.]*) are available", PAGE.replace("\n", " "))
    everywhere = {spec.operator for spec in FILTERS.values() if spec.datasets != ("posts",)}
    assert set(re.findall("`(\\w+)`", sentence)) == everywhere
