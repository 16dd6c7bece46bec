"""DuckDB and the reference give the same rows: for the table of queries, and for any."""

import re
from itertools import islice
from pathlib import Path
from unicodedata import category

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.buffer.entries import Entries
from ingest.simulator.world.world import World
from lake.catalog.clock import Turn
from lake.flush import dataset_rows
from lake.flush.event_tables import load
from lake.flush.statements import define_macros
from lake.query.filters import FILTERS as SPECS
from lake.query.parser import parse
from lake.query.rendering import render
from lake.query.sql import check_dataset, compile_query, matched_terms, named_terms
from lake.query.text_sql import _LETTER, _SPACELESS
from lake.query.tree import And, Filter, Not, Or, Term, terms
from lake.schema import DATASETS
from lake.storage.duckdb_engine import Engine
from tests.builders import ALICE, BOB, NOON_US, post
from tests.examples import one_in
from tests.lake.query.query_table import EXACT, ROWS, TEXTS, TREES, row
from tests.lake.query.reference import (
    fold,
    has_term,
    is_letter,
    is_mark,
    is_word,
    matches,
    may_be_said,
    says_hashtag,
    spaceless,
)

SAMPLES = Path(__file__).parents[3].parent / "shared" / "samples"
POSTS = DATASETS["posts"]
TYPES = {"VARCHAR": pa.string(), "VARCHAR[]": pa.list_(pa.string()), "TIMESTAMP": pa.timestamp("us")}
QUERIES = [
    *((f"text {text}", parse(text)) for text in TEXTS),
    *((f"exact {text}", parse(text, exact=True)) for text in EXACT),
    *((f"tree {number}", tree) for number, tree in enumerate(TREES)),
]


@pytest.fixture(scope="module")
def engine():
    engine = Engine("1GB", 2)
    define_macros(engine)
    yield engine
    engine.close()


def arrow(rows, dataset=POSTS):
    schema = pa.schema([(column.name, TYPES[column.type]) for column in dataset.columns])
    return pa.Table.from_pylist(rows, schema)


def answer(engine, table, select, values):
    cursor = engine.cursor()
    cursor.register("posts", table)
    return cursor.execute(f"SELECT {select} FROM posts ORDER BY rkey", values or None).fetchall()


def found(engine, table, node, dataset=POSTS, clock="seen"):
    """The rkeys of the hits. Of no row the condition is NULL."""
    asked = compile_query(node, dataset, clock)
    select = f"rkey, {asked.sql}"
    rows = answer(engine, table, select, asked.values)
    assert {hit for _, hit in rows} <= {True, False}
    return [rkey for rkey, hit in rows if hit]


def expected(rows, node, dataset="posts", clock="seen"):
    return sorted(row["rkey"] for row in rows if matches(node, row, dataset, clock))


def agree(engine, rows, queries=QUERIES):
    """The queries that have hits, after all were compared."""
    table, hits = arrow(rows), {}
    for name, node in queries:
        hits[name] = found(engine, table, node)
        assert hits[name] == expected(rows, node), name
    return [name for name, keys in hits.items() if keys]


def simulated(engine, events):
    """Rows of the posts among so many simulated events."""
    world = World(seed=7, start_us=NOON_US, per_second=500.0)
    frames = [raw for _, raw in islice(world, events) if b'"app.bsky.feed.post"' in raw and b'"delete"' not in raw]
    return rows_of(engine, frames)


def rows_of(engine, frames):
    """Posts as the flusher would write them, each rkey unique."""
    rows = []
    for start in range(0, len(frames), 50_000):
        part = frames[start : start + 50_000]
        ids = [b"%d-%d" % (NOON_US // 1000, n) for n in range(len(part))]
        events = load(Entries(ids, part, [b""] * len(part)))
        rows += dataset_rows.rows_of(engine, POSTS, events["posts"], Turn(0)).rows.to_pylist()
    for number, one in enumerate(rows):
        one["rkey"] = f"{number:07}"
        for name in ("seen", "created_at"):
            one[name] = one[name] and one[name].replace(tzinfo=None)
    return rows


def recorded(engine):
    """Rows of real posts, where there are recordings."""
    frames = [line for path in SAMPLES.glob("real-v1*.ndjson") for line in path.read_bytes().splitlines()]
    rows = rows_of(engine, [frame for frame in frames if b'"record":{"$type":"app.bsky.feed.post"' in frame])
    return [one | {"rkey": f"real{one['rkey']}"} for one in rows]


def test_the_table_over_made_up_simulated_and_recorded_posts(engine):
    few = simulated(engine, 1_000)
    assert len(few) > 100
    hitting = agree(engine, [*ROWS, *few, *(recorded(engine) if SAMPLES.exists() else ())])
    assert len(QUERIES) >= 160
    assert len(hitting) >= 0.9 * len(QUERIES)


@pytest.mark.slow
def test_a_million_simulated_events(engine):
    queries = QUERIES[::4]  # Python takes a second or two for each
    assert len(agree(engine, simulated(engine, 1_000_000), queries)) >= 0.3 * len(queries)


WORDS = st.text("aAbBéÉe\u0301ßẞİıIiΣσςжЖ東京カーﾞ가ไท๑م1²_-%\\'\" \n\0👩\u200d️❤.#*", min_size=1, max_size=3)
BOUND = WORDS.map(lambda text: text.replace("\0", "")).filter(bool)
LONG = st.lists(WORDS, max_size=6).map("".join)
CODES = st.sampled_from(["pt", "PT", "pt-BR", "pt-br-x", "ptx", "en", "", "en\npt", "a.b", ".b", "b"])
DIDS = st.sampled_from([ALICE, BOB, "did:plc:x", "did:web:x.y"])
URIS = st.builds("at://{}/c/{}".format, DIDS, st.sampled_from("ab"))
LINKS = st.sampled_from(
    ["https://a.b/c", "http://A.b", "a.b/C", "x://", "://a.b", "1x://a.b", "a\nhttps://a.b", "", "İ://a.b"]
)


def lists(of):
    return st.none() | st.lists(st.none() | of, max_size=3)


@st.composite
def rows(draw):
    some = {"langs": CODES, "domains": CODES, "hashtags": BOUND | CODES, "links": LINKS, "mentions": DIDS, "alt": WORDS}
    some["media"] = st.sampled_from(["image", "video", "else"])
    uris = {name: draw(st.none() | URIS) for name in ("reply_parent_uri", "reply_root_uri", "quote_uri")}
    columns = {name: draw(lists(of)) for name, of in some.items()}
    return row(draw(st.none() | LONG), did=draw(DIDS), **uris, **columns)


def values(of):
    return st.lists(of, min_size=0, max_size=4).map(tuple)


TERMS = st.one_of(
    st.builds(Term, st.lists(BOUND, min_size=1, max_size=3).map(tuple), st.just(False)),
    st.builds(Term, st.tuples(BOUND), st.just(True)),
)
FILTERS = st.one_of(
    st.builds(Filter, st.sampled_from(["author", "mention"]), values(DIDS)),
    st.builds(Filter, st.sampled_from(["lang", "domain", "tag"]), values(CODES.filter(bool))),
    st.builds(Filter, st.just("url"), values(LINKS.filter(bool))),
    st.builds(Filter, st.just("has"), values(st.sampled_from(SPECS["has"].choices))),
    st.builds(Filter, st.just("is"), values(st.sampled_from(SPECS["is"].choices))),
    st.builds(Filter, st.sampled_from(["subject", "root", "quotes"]), values(URIS)),
)
NODES = st.recursive(
    TERMS | FILTERS,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(And, st.lists(inner, max_size=5).map(tuple)),
        st.builds(Or, st.lists(inner, max_size=5).map(tuple)),
    ),
    max_leaves=8,
)


@one_in(10)
@given(posts=st.lists(rows(), min_size=1, max_size=12), nodes=st.lists(NODES, min_size=1, max_size=4))
def test_any_query_of_any_posts(engine, posts, nodes):
    table = arrow(posts)
    for node in nodes:
        assert found(engine, table, node) == expected(posts, node)


TAGS = st.text("aA1_é\u0301東-+.,&/#🔥", min_size=1, max_size=3)
TAGGED = st.lists(TAGS | st.sampled_from(["#", "＃", " ", "\n", "(", ")"]), max_size=8).map("".join)


def facet(tag):
    return {"index": {"byteStart": 0, "byteEnd": 1}, "features": [{"$type": "app.bsky.richtext.facet#tag", "tag": tag}]}


@one_in(5)
@given(posts=st.lists(st.tuples(TAGGED, st.lists(TAGS, max_size=1)), min_size=1, max_size=8), asked=st.lists(TAGS))
def test_a_hashtag_is_in_the_text_or_marked_by_the_app(engine, posts, asked):
    """Whether a flushed post has it says one rule, of the text and the facets alone."""
    frames = [post(text, facets=list(map(facet, marked))) for text, marked in posts]
    kept = rows_of(engine, frames)
    said = {*asked, *(tag for _, marked in posts for tag in marked)}
    for tag in filter(None, (one.lstrip("#") for one in said)):
        wanted = fold(tag)
        expected = [
            row["rkey"]
            for row, (text, marked) in zip(kept, posts, strict=True)
            if wanted in map(fold, marked)
            or ((is_word(wanted) or may_be_said(wanted)) and says_hashtag(fold(text), wanted))
        ]
        assert found(engine, arrow(kept), Filter("tag", (tag,))) == expected, tag


@one_in(10)
@given(posts=st.lists(rows(), min_size=1, max_size=12), node=NODES)
def test_the_terms_that_match_a_row_are_named(engine, posts, node):
    asked = matched_terms(named_terms(node), POSTS)
    labels = answer(engine, arrow(posts), f"rkey, {asked.sql}", asked.values)
    assert dict(labels) == {
        one["rkey"]: [
            render(term)
            for term in sorted(terms(node), key=lambda term: term.whole or len(term.parts) > 1)
            if has_term(term, one["text"])
        ]
        for one in posts
    }


def test_labels_and_condition_stand_in_one_statement(engine):
    node = parse('lake OR "lake house" OR exact:cat')
    asked, labels = compile_query(node, POSTS), matched_terms(named_terms(node), POSTS)
    cursor = engine.cursor()
    cursor.register("posts", arrow(ROWS))
    sql = f"SELECT {labels.sql} FROM posts WHERE {asked.sql} AND contains(text, 'deep')"
    assert cursor.execute(sql, asked.values | labels.values).fetchall() == [(["lake", '"lake house"'],)]


def test_the_author_s_clock(engine):
    table = arrow(ROWS)
    for text in ("since:2026-07-01", "until:2026-07-01", "-since:2026-07-01", "since:9999-01-01", "-until:9999-12-31"):
        node = parse(text)
        hits = found(engine, table, node, clock="created_at")
        assert hits == expected(ROWS, node, clock="created_at")
        assert hits


OTHERS = {
    "likes": [{"subject_uri": f"at://{ALICE}/c/1"}, {"subject_uri": None}, {"subject_uri": f"at://{ALICE}"},
              {"subject_uri": f"at://{BOB}/c/1"}, {"subject_uri": f"xat://{ALICE}/c/1"}, {"subject_uri": f"at://{ALICE}x/c/1"}],
    "follows": [{"subject": ALICE}, {"subject": None}, {"subject": BOB}],
}  # fmt: skip
MANY_DIDS = tuple(f"did:plc:{n:024}" for n in range(60))


@pytest.mark.parametrize("dataset", OTHERS)
@pytest.mark.parametrize("more", [(), MANY_DIDS])
def test_subjects_of_other_datasets(engine, dataset, more):
    names = DATASETS[dataset].names
    kept = [dict.fromkeys(names) | {"did": BOB, "rkey": str(n)} | one for n, one in enumerate(OTHERS[dataset])]
    table = arrow(kept, DATASETS[dataset])
    for values in ((ALICE,), (ALICE, BOB), (f"at://{BOB}/c/1", ALICE)):
        for node in (Filter("subject", values + more), Not(Filter("subject", values + more))):
            if dataset == "follows" and any(value.startswith("at:") for value in values):
                continue
            hits = found(engine, table, node, DATASETS[dataset])
            assert hits == expected(kept, node, dataset)
            assert hits


@pytest.mark.parametrize(
    ("text", "dataset", "message"),
    [
        ("lake", "likes", "likes have no text"),
        ("-(from:did:plc:a OR exact:lake)", "follows", "follows have no text"),
        ("lang:en", "likes", "likes have no lang"),
        ("has:image", "deletes", "deletes have no has"),
        ("subject:did:plc:a", "posts", "not a DID"),
        ("subject:at://did:plc:a/b/c", "follows", "is a DID for follows"),
        ("subject:did:plc:a", "profiles", "profiles have no subject"),
    ],
)
def test_what_a_dataset_has_not_is_an_error(text, dataset, message):
    with pytest.raises(ValueError, match=message):
        check_dataset(parse(text), DATASETS[dataset])


def test_what_a_dataset_has_is_none():
    for text, dataset in [
        ("lake #tag lang:en subject:at://did:plc:a/b/c", "posts"),
        ("from:did:plc:a since:2026-07-01", "accounts"),
        ("subject:did:plc:a,at://did:plc:a/b/c", "likes"),
        ("subject:did:plc:a", "blocks"),
    ]:
        check_dataset(parse(text), DATASETS[dataset])


HOSTILE = ["'; DROP TABLE posts; --", "' OR true OR '", "$q0", "chr(10)", "\\", "{column}", "a\nb", "$$", "/*"]


def every_kind(value):
    """A query that has the value wherever one can stand."""
    texts = [Term((value, f"{value}{value}")), Term((value,), whole=True), Term((value,))]
    kinds = ("author", "mention", "lang", "tag", "domain", "url", "subject")
    filters = [Filter(kind, (value,)) for kind in kinds]
    many = [Filter(kind, (value, *MANY_DIDS)) for kind in kinds]
    return And((Or((*texts, *filters)), *map(Not, texts), *many))


def _labels(node):
    return matched_terms(named_terms(node), POSTS).sql


@pytest.mark.parametrize("value", HOSTILE)
def test_no_value_enters_the_sql(engine, value):
    """However hostile it is, the SQL is that of a harmless one, save for what is left out as it can't match."""
    node = every_kind(value)
    if "\n" not in value:
        assert compile_query(node, POSTS).sql in [compile_query(every_kind(one), POSTS).sql for one in ("word", "c++")]
        numbers = re.compile(r"\$m[0-9]+")  # a label that is the value itself is bound once
        assert numbers.sub("$", _labels(node)) == numbers.sub("$", _labels(every_kind("word")))
    assert found(engine, arrow(ROWS), node) == expected(ROWS, node)


def codes(engine, select):
    """For each character that Python knows."""
    sql = f"SELECT chr(c::INTEGER) AS x, {select} FROM range(1, 1114112) t(c) WHERE c NOT BETWEEN 55296 AND 57343"
    return engine.rows(sql)


def test_python_folds_every_character_as_duckdb_does(engine):
    assert [x for x, lower in codes(engine, "lower(x)") if lower != fold(x)] == []


NEW_IN_UNICODE_15_1 = range(0x2EBF0, 0x2EE5E)  # Han, which Python knows since 3.13, and DuckDB not yet


def test_python_and_duckdb_agree_what_letters_digits_and_marks_are(engine):
    tests = ", ".join(f"regexp_matches(x, '^(?:{each})$')" for each in (_LETTER, r"\p{M}", f"[{_SPACELESS}]"))
    wrong = [
        x
        for x, *found in codes(engine, tests)
        if category(x)[0] in "LNM"
        and ord(x) not in NEW_IN_UNICODE_15_1
        and found != [is_letter(x), is_mark(x), spaceless(x)]
    ]
    assert wrong == []
