"""Posts of many scripts, their index, and the posts that match a query by plain Python."""

from contextlib import closing

import numpy as np
from hypothesis import strategies as st

from lake.query.index_terms import index_terms, lowercase
from lake.query.tree import And, Filter, Not, Or, Term
from lake.storage.stored_rows import NO_TIME
from lake.textindex.builder import PostChunk, build
from lake.textindex.lookup import TextIndex
from lake.textindex.ngrams import REPLACEMENT
from lake.textindex.segment import SegmentReader
from lake.textindex.stored_posts import StoredPosts
from tests.builders import ALICE, BOB, NOON_US

# Cased letters of several scripts, wide signs, emoji, and what collides with END or other characters in 16 bits.
ALPHABET = "aAbBéÉßẞσΣςжЖİıأب東京都のカｶ가나🏔️👍🏿𝓵펍𠀀𐐀𐐨\0\ufffd #_%.\n"
FEW = "aB東京"  # so that texts and terms have much in common
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


def chunk_of(posts, first=0, last=None):
    """(text, did, state) of each post from `first` to `last` as the builder takes them."""
    seen, created = (times[first:last] for times in times_of(len(posts)))
    posts = posts[first:last]
    created = np.where([state == "deleted" for _, _, state in posts], NO_TIME, created)  # it was purged
    texts = [lowercase("" if state == "deleted" else text or "").replace("\0", REPLACEMENT) for text, _, state in posts]
    authors = [None if state == "deleted" else did for _, did, state in posts]
    rows = [b"" if state else f"{text} {did}".encode() for text, did, state in posts]
    return PostChunk(texts, authors, StoredPosts(rows, seen, created))


def times_of(rows):
    """Seen and created: every seventh post has no date, every fifth one an early one."""
    seen = NOON_US + np.arange(rows) * 1_234_567
    created = np.where(np.arange(rows) % 5 == 0, np.arange(rows) - 10**15, seen - 2_000_000)
    return seen, np.where(np.arange(rows) % 7 == 0, NO_TIME, created)


def built(folder, posts, name="posts", chunk_rows=1000):
    path = folder / f"{name}.index"
    build((chunk_of(posts, first, first + chunk_rows) for first in range(0, len(posts), chunk_rows)), path)
    return path


def in_order(parts, text):
    place = 0
    for part in parts:
        if (place := text.find(part, place)) < 0:
            return False
        place += len(part)
    return True


def matches(node, text, did):
    """Reads a query without word boundaries of exact terms, and takes each post to be in each language."""
    match node:
        case Term(parts):
            return text is not None and in_order([lowercase(part) for part in parts], lowercase(text))
        case Filter("author", values):
            return did in values
        case Filter():
            return True
        case Not(child):
            return not matches(child, text, did) or isinstance(child, Term | Filter)
        case And(nodes):
            return all(matches(child, text, did) for child in nodes)
        case Or(nodes):
            return any(matches(child, text, did) for child in nodes)


def expected(node, posts, purged=()):
    return {
        number
        for number, (text, did, state) in enumerate(posts)
        if state != "deleted" and number not in purged and matches(node, text, did)
    }


def candidates(path, node, rows):
    """As a set, after the checks that hold for every answer; all rows when the index can't narrow."""
    with closing(TextIndex(path)) as index:
        found = index.candidates(index_terms(node))
        if found is None:
            assert index.estimate(index_terms(node)) == rows
            return set(range(rows))
        assert (np.diff(found.astype(int)) > 0).all()
        assert len(found) <= index.estimate(index_terms(node)) <= rows
        return set(found.tolist())


def stored(path, rows=None):
    """Row, seen and created of all posts, or of these."""
    with closing(SegmentReader(path)) as reader:
        rows = range(reader.rows) if rows is None else rows
        found, seen, created = reader.stored(np.array(rows, np.uint32))
        return list(zip(found, seen.tolist(), created.tolist(), strict=True))


def indexed_doc_ids(path):
    """All that are in any list."""
    with closing(SegmentReader(path)) as reader:
        return {int(n) for number in range(len(reader.first_keys)) for n in reader.block(number).lists().doc_ids}
