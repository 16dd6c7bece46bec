"""Runs that are split at any keys give each pair exactly once."""

import tempfile
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lake.textindex import sorted_runs
from lake.textindex.ngrams import KEYS, ROW_BITS
from lake.textindex.sorted_runs import split_keys, write_run
from tests.examples import one_in

PAIRS = st.sets(st.tuples(st.integers(0, 50), st.integers(0, 20)), max_size=80)


def run_of(file, pairs):
    return write_run(file, np.array(sorted(key << ROW_BITS | row for key, row in pairs), np.uint64))


def pairs_of(lists):
    return list(zip(np.repeat(lists.keys, lists.counts).tolist(), lists.doc_ids.tolist(), strict=True))


@one_in(1)
@given(st.lists(PAIRS, min_size=1, max_size=3), st.lists(st.integers(0, 60), max_size=5).map(sorted))
def test_slices_hold_the_keys_below_each_limit(monkeypatch, every, limits):
    monkeypatch.setattr(sorted_runs, "SAMPLE_EVERY", 8)
    with tempfile.TemporaryFile() as file:
        runs = [run_of(file, pairs) for pairs in every]
        for run, pairs in zip(runs, every, strict=True):
            bounds = [0, *limits, KEYS]
            assert [pairs_of(lists) for lists in run.split(bounds[1:])] == [
                [pair for pair in sorted(pairs) if low <= pair[0] < high] for low, high in pairwise(bounds)
            ]


def test_split_keys_are_ascending_and_end_with_all_keys(monkeypatch):
    monkeypatch.setattr(sorted_runs, "SAMPLE_EVERY", 4)
    monkeypatch.setattr(sorted_runs, "STEP_SAMPLES", 10)
    with tempfile.TemporaryFile() as file:
        runs = [run_of(file, {(key, row) for key in range(100)}) for row in range(4)]
        limits = split_keys(runs)
        assert limits == sorted(set(limits))
        assert limits[-1] == KEYS
        sizes = [
            sum(len(lists.doc_ids) for lists in step) for step in zip(*(run.split(limits) for run in runs), strict=True)
        ]
    assert len(sizes) > 5
    assert max(sizes) <= 2 * 4 * 10
    assert split_keys([]) == [KEYS]
