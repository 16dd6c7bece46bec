"""Built, merged and purged indexes answer alike; what fails leaves no file."""

import hashlib

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lake.query.tree import Term
from lake.textindex import builder, segment, sorted_runs
from lake.textindex.builder import build, merge, purge
from lake.textindex.segment import IndexDamaged
from tests.builders import ALICE
from tests.examples import one_in
from tests.lake.textindex.posts import NODES_LIST, POSTS, built, candidates, chunk_of, expected, indexed_doc_ids, stored

PROPERTY = one_in(5)


@PROPERTY
@given(st.lists(POSTS, min_size=1, max_size=4), NODES_LIST)
def test_merged_indexes_answer_as_one_that_was_built_at_once(tmp_path, parts, nodes):
    every = [post for posts in parts for post in posts]
    paths = [(built(tmp_path, posts, str(n)), len(posts)) for n, posts in enumerate(parts)]
    merged = tmp_path / "merged"
    assert merge(paths, merged).rows == len(every)
    assert build(map(chunk_of, parts), tmp_path / "one").rows == len(every)
    assert stored(merged) == stored(tmp_path / "one") == [post for path, _ in paths for post in stored(path)]
    for node in nodes:
        found = candidates(merged, node, len(every))
        assert found == candidates(tmp_path / "one", node, len(every)) >= expected(node, every)


@PROPERTY
@given(POSTS, NODES_LIST, st.sets(st.integers(0, 39)), st.sets(st.integers(0, 39)))
@example([("lake", ALICE, None), ("fish", ALICE, None)], [Term(("fish",))], {1}, {0})
def test_what_is_purged_is_in_no_list_and_nothing_else_is_missing(tmp_path, posts, nodes, purged, changed):
    purged = {number for number in purged if number < len(posts)}
    changed = {number for number in changed if number < len(posts)} - purged
    purge(built(tmp_path, posts), sorted(purged), tmp_path / "purged", sorted(changed))
    deleted = {number for number, post in enumerate(posts) if post[2] == "deleted"}
    assert not indexed_doc_ids(tmp_path / "purged") & (purged | deleted)
    left = [
        (None, did, "deleted") if n in purged else (text, did, state or ("superseded" if n in changed else None))
        for n, (text, did, state) in enumerate(posts)
    ]
    fresh = built(tmp_path, left, "left")
    assert indexed_doc_ids(tmp_path / "purged") == indexed_doc_ids(fresh)
    assert stored(tmp_path / "purged") == stored(fresh)
    for node in nodes:
        found = candidates(tmp_path / "purged", node, len(posts))
        assert expected(node, posts, purged) <= found
        assert found == candidates(fresh, node, len(posts))


def test_rows_bytes_and_sha256_are_returned(tmp_path):
    result = build([chunk_of([("hello lake", ALICE, None)] * 3)] * 2, tmp_path / "index")
    data = (tmp_path / "index").read_bytes()
    assert result == (6, len(data), hashlib.sha256(data).hexdigest())


def test_many_blocks_and_steps_are_as_good_as_one(tmp_path, monkeypatch):
    random = np.random.default_rng(1)
    posts = [("".join(map(chr, random.integers(97, 105, 60))), ALICE, None) for _ in range(3000)]
    one = built(tmp_path, posts, "one", chunk_rows=3000)
    for module, name, value in ((builder, "STEP_BYTES", 3000), (sorted_runs, "SAMPLE_EVERY", 16),
                                (sorted_runs, "STEP_SAMPLES", 20), (segment, "BLOCK_KEYS", 10),
                                (segment, "BLOCK_DOC_IDS", 300)):  # fmt: skip
        monkeypatch.setattr(module, name, value)
    many = built(tmp_path, posts, "many", chunk_rows=130)
    halves = [(built(tmp_path, posts[:1100], "a", 130), 1100), (built(tmp_path, posts[1100:], "b", 130), 1900)]
    merge(halves, tmp_path / "merged")
    for term in ("abc", "abcde", "hh", "gfedc"):
        found = candidates(one, Term((term,)), 3000)
        assert found >= expected(Term((term,)), posts)
        assert found == candidates(many, Term((term,)), 3000) == candidates(tmp_path / "merged", Term((term,)), 3000)


def test_what_fails_leaves_nothing(tmp_path, monkeypatch):
    path = built(tmp_path, [("hello", ALICE, None)])
    with pytest.raises(ValueError, match="covers 1 rows, not 2"):
        merge([(path, 2)], tmp_path / "target")
    monkeypatch.setattr(segment, "MAX_UNIVERSE", 1)
    with pytest.raises(ValueError, match="at most 1 posts"):
        merge([(path, 1), (path, 1)], tmp_path / "target")

    def unreadable():
        yield chunk_of([("hello", ALICE, None)])
        raise RuntimeError("the second file is missing")

    with pytest.raises(RuntimeError):
        build(unreadable(), tmp_path / "target")
    with pytest.raises(FileNotFoundError):
        build([], tmp_path / "missing" / "target")
    data = bytearray(path.read_bytes())
    data[20] ^= 1
    path.write_bytes(data)
    with pytest.raises(IndexDamaged):
        purge(path, [0], tmp_path / "target")
    assert sorted(found.name for found in tmp_path.iterdir()) == ["posts.index"]
