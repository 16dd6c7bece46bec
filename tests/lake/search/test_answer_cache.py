"""Answers are shared, and never outlive a commit."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from lake.errors import LakeUnusable, QueryTimeout
from lake.query.parser import parse
from lake.query.spec import Search
from lake.search import reader as reader_module
from lake.search.answer_cache import AnswerCache
from lake.search.reader import Reader
from lake.storage.duckdb_engine import Engine
from tests.builders import NOON_US, delete, post

pytestmark = pytest.mark.django_db


@pytest.fixture
def cache():
    return AnswerCache(2, lambda answer: answer != "cut short", _free)


@contextmanager
def _free():
    yield


class Computed:
    """Counts how often it was called."""

    def __init__(self, answer="answer"):
        self.answer, self.times = answer, 0

    def __call__(self):
        self.times += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def test_an_answer_is_computed_once_until_others_have_displaced_it(cache):
    compute = Computed()
    assert [cache.get("a", compute, 1) for _ in range(3)] == ["answer"] * 3
    assert compute.times == 1
    for question in "bc":
        cache.get(question, Computed(), 1)
    cache.get("a", compute, 1)
    assert compute.times == 2


def test_what_was_cut_short_or_failed_is_asked_again(cache):
    short, failing = Computed("cut short"), Computed(LakeUnusable("unreadable"))
    for _ in range(2):
        assert cache.get("a", short, 1) == "cut short"
        with pytest.raises(LakeUnusable):
            cache.get("b", failing, 1)
    assert (short.times, failing.times) == (2, 2)


@pytest.mark.django_db(transaction=True)
def test_who_asks_while_it_is_computed_waits_for_that_answer(cache):
    asked, answered = threading.Event(), threading.Event()

    def compute():
        asked.set()
        assert answered.wait(20)
        return "slow"

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.get, "a", compute, 20)
        assert asked.wait(20)
        with pytest.raises(QueryTimeout):
            cache.get("a", Computed(), 0)
        second = pool.submit(cache.get, "a", Computed("not computed"), 20)
        answered.set()
        assert (first.result(), second.result()) == ("slow", "slow")


def test_when_too_many_wait_the_next_computes(cache, monkeypatch):
    cache._waiting = threading.Semaphore(0)
    inner = Computed()
    assert cache.get("a", lambda: cache.get("a", inner, 20), 20) == "answer"
    assert inner.times == 1


class TestReader:
    @pytest.fixture
    def reader(self, lake_root):
        return Reader(Engine("500MB", 2, fence=lake_root), lake_root)

    def test_a_page_and_its_count_are_read_once_until_the_next_commit(self, lake, reader, monkeypatch):
        lake.flush(post("stays", time_us=NOON_US), post("goes", rkey="k", time_us=NOON_US + 1))
        reads, candidates = [], reader_module.Candidates.read
        monkeypatch.setattr(reader_module.Candidates, "read", lambda *args: reads.append(args) or candidates(*args))
        search = Search(parse("stays OR goes"))

        def answer():
            return [hit.fields["text"] for hit in reader.find(search).hits], reader.count(search, 5)

        assert answer() == answer() == (["goes", "stays"], (2, "eq"))
        assert len(reads) == 1
        lake.flush(delete("k", time_us=NOON_US + 2))
        assert answer() == (["stays"], (1, "eq"))

    def test_a_count_without_time_takes_no_slot(self, lake, lake_root):
        taken = []
        reader = Reader(Engine("500MB", 2, fence=lake_root), lake_root, lambda: taken.append(1) or _free())
        assert reader.count(Search(), 0) == (0, "gte")
        assert not taken
        reader.count(Search(), 5)
        assert len(taken) == 1

    def test_a_count_without_time_waits_for_nothing(self, lake, reader):
        lake.flush(post("one", time_us=NOON_US))
        assert reader.count(Search(), 0) == (0, "gte")
        assert reader.count(Search(), 5) == (1, "eq")
        assert reader.count(Search(), 0) == (1, "eq")
