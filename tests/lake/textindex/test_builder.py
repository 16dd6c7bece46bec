"""The text index: never a match less than there are, whatever is built, merged, taken out or damaged."""

import hashlib
from contextlib import closing

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.errors import LakeUnusable
from lake.query.index_terms import lowercase
from lake.query.tree import And, Filter, Not, Or, Term
from lake.storage.duckdb_engine import Engine
from lake.textindex import builder as index_module
from lake.textindex import lookup, segment, sorted_runs
from lake.textindex.builder import build, merge, purge
from lake.textindex.lookup import TextIndex
from lake.textindex.segment import IndexDamaged, SegmentReader
from tests.builders import ALICE, BOB
from tests.examples import one_in

# Cased letters of several scripts, wide signs, emoji, and what folds to END or onto other characters with 16 bits.
ALPHABET = "aAbBéÉßẞσΣςжЖİıأب東京都のカｶ가나🏔️👍🏿𝓵펍𠀀𐐀𐐨\0\ufffd #_%.\n"
FEW = "aB東京"  # so that texts and terms meet
TEXTS = st.none() | st.text(ALPHABET, max_size=12) | st.text(FEW, max_size=12)
DIDS = st.sampled_from([ALICE, BOB])
POSTS = st.lists(st.tuples(TEXTS, DIDS, st.sampled_from([None, None, None, "superseded", "deleted"])), max_size=40)
PARTS = st.text(ALPHABET, max_size=4) | st.text(FEW, min_size=1, max_size=4)
TERMS = st.builds(Term, st.lists(PARTS, min_size=1, max_size=2).map(tuple), st.booleans())
FILTERS = st.builds(Filter, st.sampled_from(["author", "lang"]), st.lists(DIDS, min_size=1, max_size=2).map(tuple))
NODES = st.recursive(
    TERMS | FILTERS,
    lambda nodes: st.builds(Not, nodes) | st.builds(And, st.lists(nodes, max_size=3).map(tuple))
    | st.builds(Or, st.lists(nodes, min_size=1, max_size=3).map(tuple)),
    max_leaves=5,
)  # fmt: skip
NODES_LIST = st.lists(NODES, min_size=1, max_size=6)
PROPERTY = one_in(5)


@pytest.fixture(scope="module")
def engine():
    engine = Engine("500MB", 1)
    yield engine
    engine.close()


def write(path, posts):
    texts, dids, states = ([post[column] for post in posts] for column in range(3))
    columns = {"text": texts, "did": dids, "state": states}
    pq.write_table(pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()}), path,
                   row_group_size=7)  # fmt: skip
    return path


def built(engine, folder, posts, name="posts"):
    path = folder / f"{name}.index"
    build(engine, [write(folder / f"{name}.parquet", posts)], path)
    return path


def in_order(parts, text):
    place = 0
    for part in parts:
        if (place := text.find(part, place)) < 0:
            return False
        place += len(part)
    return True


def matches(node, text, did):
    """Plain Python's reading, but for what may touch a whole term, and for languages: every post is of each."""
    match node:
        case Term(parts):
            return text is not None and in_order([lowercase(part) for part in parts], lowercase(text))
        case Filter("author", values):
            return did in values
        case Filter():
            return True
        case Not(one):
            return not matches(one, text, did) or isinstance(one, Term | Filter)
        case And(nodes):
            return all(matches(one, text, did) for one in nodes)
        case Or(nodes):
            return any(matches(one, text, did) for one in nodes)


def expected(node, posts, gone=()):
    return {
        number
        for number, (text, did, state) in enumerate(posts)
        if state != "deleted" and number not in gone and matches(node, text, did)
    }


def candidates(path, node, rows):
    """As a set, after what must hold of them."""
    with closing(TextIndex.open(path)) as index:
        found = index.candidates(node)
        if found is None:
            assert index.estimate(node) == rows
            return set(range(rows))
        assert (np.diff(found.astype(int)) > 0).all()
        assert len(found) <= index.estimate(node) <= rows
        return set(found.tolist())


def every_ordinal(path):
    with closing(SegmentReader(path)) as reader:
        return {int(n) for number in range(len(reader.firsts)) for n in reader.block(number).lists().doc_ids}


def test_fold_is_what_duckdb_does_to_each_character(engine):
    points = [*range(1, 0xD800), *range(0xE000, 0x110000)]
    values = "SELECT chr(p::INTEGER) FROM range(1, 1114112) AS t(p) WHERE p NOT BETWEEN 55296 AND 57343 ORDER BY p"
    ((found,),) = engine.rows(f"SELECT lower(string_agg(character, '')) FROM ({values}) AS t(character)")
    assert found == lowercase("".join(map(chr, points)))


@PROPERTY
@given(POSTS, NODES_LIST)
def test_no_match_is_missed(engine, tmp_path, posts, nodes):
    path = built(engine, tmp_path, posts)
    for node in nodes:
        assert expected(node, posts) <= candidates(path, node, len(posts))


@PROPERTY
@given(st.lists(POSTS, min_size=1, max_size=4), NODES_LIST)
def test_merged_indexes_answer_as_one_that_was_built_at_once(engine, tmp_path, parts, nodes):
    every = [post for posts in parts for post in posts]
    paths = [(built(engine, tmp_path, posts, str(n)), len(posts)) for n, posts in enumerate(parts)]
    merged = tmp_path / "merged"
    assert merge(paths, merged).rows == len(every)
    sources = [path.with_suffix(".parquet") for path, _ in paths]
    assert build(engine, sources, tmp_path / "one").rows == len(every)
    for node in nodes:
        found = candidates(merged, node, len(every))
        assert found == candidates(tmp_path / "one", node, len(every)) >= expected(node, every)


@PROPERTY
@given(POSTS, NODES_LIST, st.sets(st.integers(0, 39)))
def test_what_is_taken_out_is_in_no_list_and_nothing_else_is_missing(engine, tmp_path, posts, nodes, gone):
    gone = {number for number in gone if number < len(posts)}
    purge(built(engine, tmp_path, posts), sorted(gone), tmp_path / "purge")
    deleted = {number for number, post in enumerate(posts) if post[2] == "deleted"}
    assert not every_ordinal(tmp_path / "purge") & (gone | deleted)
    left = [(None, did, "deleted") if n in gone else (text, did, state) for n, (text, did, state) in enumerate(posts)]
    fresh = built(engine, tmp_path, left, "left")
    assert every_ordinal(tmp_path / "purge") == every_ordinal(fresh)
    for node in nodes:
        found = candidates(tmp_path / "purge", node, len(posts))
        assert expected(node, posts, gone) <= found
        assert found == candidates(fresh, node, len(posts))


def test_signs_that_fold_onto_others_are_found(engine, tmp_path):
    posts = [("𠀀山 𝓵𝓸", ALICE, None), ("펍", ALICE, None), ("山", ALICE, None), ("x\0y z 東\0z", BOB, None)]
    path = built(engine, tmp_path, posts)
    for text, rows in (
        ("山", {0, 2}),
        ("𝓵𝓸", {0}),
        ("x\0y", {3}),
        ("\ufffdy", {3}),
        ("y z", {3}),
        (" z", {3}),
        ("東\0z", {3}),
    ):
        assert candidates(path, Term((text,)), len(posts)) >= rows
    assert candidates(path, Term(("山",)), len(posts)) == {0, 2}  # one wide sign is enough
    assert candidates(path, Term((" z",)), len(posts)) == {3}  # and so are two others


def test_any_part_of_a_text_is_found(engine, tmp_path):
    text = "In 東京都に tokyo, 펍 👍🏿x!"
    path = built(engine, tmp_path, [("other", BOB, None), (text, ALICE, None), (None, BOB, None)])
    with closing(TextIndex.open(path)) as index:
        for start in range(len(text)):
            for end in range(start + 1, len(text) + 1):
                part = text[start:end]
                found = index.candidates(Term((part,)))
                assert found.tolist() == [1] if found is not None else len(part) == 1


def test_only_posts_that_may_match_are_candidates(engine, tmp_path):
    posts = [(f"post {number} about {'lakes' if number % 10 == 0 else 'rivers'}", BOB, None) for number in range(1000)]
    posts[500] = (posts[500][0], ALICE, None)
    path = built(engine, tmp_path, posts)
    assert candidates(path, Term(("t la",)), 1000) == set(range(0, 1000, 10))
    assert candidates(path, Filter("author", (ALICE,)), 1000) == {500}
    assert candidates(path, And((Term(("lakes",)), Filter("author", (ALICE,)))), 1000) == {500}
    assert candidates(path, And((Term(("seas",)),)), 1000) == set()
    for node in (Term(("a",)), Not(Term(("lakes",))), Filter("lang", ("en",)), And(()), Or(())):
        with closing(TextIndex.open(path)) as index:
            assert index.candidates(node) is None


def test_what_was_built_is_described(engine, tmp_path):
    path = write(tmp_path / "posts.parquet", [("hello lake", ALICE, None)] * 3)
    result = build(engine, [path, path], tmp_path / "index")
    data = (tmp_path / "index").read_bytes()
    assert result == (6, len(data), hashlib.sha256(data).hexdigest())


def test_many_blocks_and_pieces_are_as_good_as_one(engine, tmp_path, monkeypatch):
    random = np.random.default_rng(1)
    posts = [("".join(map(chr, random.integers(97, 105, 60))), ALICE, None) for _ in range(3000)]
    one = built(engine, tmp_path, posts, "one")
    for module, name, value in ((index_module, "CHUNK_ROWS", 700), (index_module, "CHUNK_CHARACTERS", 9000),
                                (index_module, "STREAMED_ROWS", 50), (index_module, "PIECE_BYTES", 3000),
                                (sorted_runs, "STEP", 16), (sorted_runs, "PIECE_SAMPLES", 20),
                                (segment, "BLOCK_KEYS", 10), (segment, "BLOCK_DOC_IDS", 300)):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    many = built(engine, tmp_path, posts, "many")
    halves = [(built(engine, tmp_path, posts[:1100], "a"), 1100), (built(engine, tmp_path, posts[1100:], "b"), 1900)]
    merge(halves, tmp_path / "merged")
    for term in ("abc", "abcde", "hh", "gfedc"):
        found = candidates(one, Term((term,)), 3000)
        assert found >= expected(Term((term,)), posts)
        assert found == candidates(many, Term((term,)), 3000) == candidates(tmp_path / "merged", Term((term,)), 3000)


def test_all_lists_of_a_term_are_read_when_that_is_worth_it(engine, tmp_path, monkeypatch):
    path = built(engine, tmp_path, [("abcd", ALICE, None)] * 99 + [("abc bcd", ALICE, None)] * 99)
    term = Term(("abcd",))
    assert candidates(path, term, 198) == set(range(99)) | set(range(99, 198))  # both grams are everywhere
    posts = [("abc", ALICE, None)] * 50 + [("bcd", ALICE, None)] * 60 + [("abcd", ALICE, None)]
    path = built(engine, tmp_path, posts)
    assert candidates(path, term, 111) == {110}
    monkeypatch.setattr(lookup, "READ_COST", 0)
    assert len(candidates(path, term, 111)) == 51


@pytest.fixture
def damaged(engine, tmp_path, monkeypatch):
    """The bytes of a good index, and what asks the same of any bytes."""
    monkeypatch.setattr(segment, "BLOCK_KEYS", 8)
    posts = [(f"{'lake' if number % 3 else 'river'} {number}", ALICE, None) for number in range(30)]
    good = built(engine, tmp_path, posts).read_bytes()
    path = tmp_path / "damaged"
    nodes = (Term(("lake 1",)), Term(("iver",)), Filter("author", (ALICE,)), Term(("ke",)), Term(("xyz",)))

    def answers(data):
        path.write_bytes(data)
        return [sorted(candidates(path, node, 30)) for node in nodes]

    return good, answers


def test_a_changed_byte_is_noticed_or_harmless(damaged):
    good, answers = damaged
    right = answers(good)
    noticed = 0
    for place in range(len(good)):
        try:
            assert answers(good[:place] + bytes([good[place] ^ (1 << place % 8)]) + good[place + 1 :]) == right
        except IndexDamaged:
            noticed += 1
    assert noticed > len(good) / 3  # the rest stands in blocks that nobody asked for


def test_a_shortened_or_lengthened_file_is_noticed(damaged):
    good, answers = damaged
    for size in range(0, len(good), 7):
        with pytest.raises(IndexDamaged):
            answers(good[:size])
    for data in (good[:100] + good[101:], good + b"\0", good[:50] + b"\0" + good[50:], bytes(len(good))):
        with pytest.raises(IndexDamaged):
            answers(data)


def test_a_missing_index_and_one_that_went_while_open(engine, tmp_path):
    path = built(engine, tmp_path, [("hello", ALICE, None)])
    with closing(TextIndex.open(path)) as index:
        path.unlink()
        assert index.candidates(Term(("hello",))).tolist() == [0]
    with pytest.raises(IndexDamaged, match="No such file"):
        TextIndex.open(path)


def test_what_fails_leaves_nothing(engine, tmp_path, monkeypatch):
    path = built(engine, tmp_path, [("hello", ALICE, None)])
    with pytest.raises(ValueError, match="of 1 rows, not of 2"):
        merge([(path, 2)], tmp_path / "target")
    monkeypatch.setattr(index_module, "MAX_UNIVERSE", 1)
    with pytest.raises(ValueError, match="at most 1 posts, not 2"):
        merge([(path, 1), (path, 1)], tmp_path / "target")
    with pytest.raises(LakeUnusable):
        build(engine, [tmp_path / "missing.parquet"], tmp_path / "target")
    with pytest.raises(LakeUnusable, match="can't be written"):
        build(engine, [tmp_path / "posts.parquet"], tmp_path / "missing" / "target")
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    with pytest.raises(IndexDamaged):
        purge(path, [0], tmp_path / "target")
    assert sorted(found.name for found in tmp_path.iterdir()) == ["posts.index", "posts.parquet"]
