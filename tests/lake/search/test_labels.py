"""Searches by labels, against plain Python, over files that are flushed, labelled and compacted in any order."""

import operator
import random
from datetime import datetime, timedelta
from functools import partial

import numpy as np
import pytest

from lake.labelfilter.thresholds import Thresholds
from lake.query.parser import parse
from lake.query.rendering import render
from lake.query.spec import Search
from lake.query.tree import And, Filter, Not, Or
from lake.scan import index_pruning
from lake.scan.index_pruning import IndexPruner, page_cost
from lake.scan.label_summaries import ENTRY, LabelledRows
from lake.scan.snapshot import files_in_range
from lake.search.aggregates import top
from lake.search.reader import Reader
from lake.search.sample import draw
from lake.storage import row_reader
from lake.storage.duckdb_engine import Engine
from tests.builders import NOON_US, post
from tests.lake.compact.compacting import HOUR, make
from tests.lake.labels.labelling import labels_of, write
from tests.lake.scan.test_index_pruning import build

HOURS, EACH = 4, 6
LABELLED = datetime.fromisoformat("2026-07-02T00:00:00")
NAMES, MODELS = ("toxic", "lang"), (None, "m", "n")


@pytest.fixture
def reader(lake, lake_root):
    """Of some hours of posts `p<hour>-<number>`, in two files each, every second one about a lake."""
    for half in (range(EACH // 2), range(EACH // 2, EACH)):
        lake.flush(
            *(
                post("lake" if n % 2 else "fish", rkey=f"p{hour}-{n}", time_us=NOON_US + hour * HOUR + n * 1000)
                for hour in range(HOURS)
                for n in half
            )
        )
    return Reader(Engine("500MB", 2, fence=lake_root), lake_root)


@pytest.fixture
def eager(monkeypatch):
    """Rows are picked however few a file has."""
    for name in ("STORED_COST", "COUNTED_COST", "GROUP_COST"):
        monkeypatch.setattr(index_pruning, name, 0)
    monkeypatch.setattr(index_pruning, "USELESS", 1.0)
    index_pruning.open_index.cache_clear()


def by_rkey(lake):
    return {row["rkey"]: row for row in lake.rows("posts")}


def asked(text, **fields):
    return Search(parse(text), **{"timeout": 60, **fields})


def page(reader, search):
    return [hit.key.rkey for hit in reader.find(search, 100).hits]


def answers(reader, search):
    """The same hits by all ways that lead to them."""
    found = page(reader, search)
    assert reader.full_scan.count(search, 60) == (len(found), "eq")
    assert sorted(hit.key.rkey for hit in draw(reader.full_scan, search, 100, "s")) == sorted(found)
    return found


WANTED = (
    *("toxic", "lang", "toxic@m", "toxic>=0.5", "toxic@n<0.5", "toxic>0.3", "toxic<=0.3", "lang=ja", "toxic=0.7"),
    *("lang@m=ja", "other"),
)
DEFAULTS = Thresholds(0.5, (("toxic", 0.7),))


def latest(rows):
    """By post, name and model, in order of arrival."""
    found = {}
    for row in rows:
        key = row["post"], row["name"], row["model"]
        if key not in found or row["labelled_at"] >= found[key]["labelled_at"]:
            found[key] = row
    return found


def passes(row, text):
    """Said with the words of the syntax: a label row and NAME@MODEL>=SCORE."""
    (wanted,) = parse(f"label:{text}").values
    name, model, sign, operand = split(wanted)
    if row["name"] != name or (model and row["model"] != model):
        return False
    if not sign:
        least = dict(DEFAULTS.of).get(name, DEFAULTS.usual)
        return row["score"] >= least if row["score"] is not None else (row["value"] or "").lower() != "false"
    if sign == "=":
        return (row["value"] or "").lower() == operand or (operand[0].isdigit() and row["score"] == float(operand))
    if row["score"] is None:
        return False
    compare = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le}[sign]
    return compare(row["score"], float(operand))


def split(text):
    for sign in (">=", "<=", ">", "<", "="):
        if sign in text:
            left, _, operand = text.partition(sign)
            break
    else:
        left, sign, operand = text, "", ""
    name, _, model = left.partition("@")
    return name, model, sign, operand


def expected(node, rows, number):
    match node:
        case Filter(_, values):
            return any(passes(row, value) for (at, _, _), row in rows.items() if at == number for value in values)
        case Not(one):
            return not expected(one, rows, number)
        case And(nodes):
            return all(expected(one, rows, number) for one in nodes)
        case Or(nodes):
            return any(expected(one, rows, number) for one in nodes)
    return number[1] % 2 == 1


def test_the_latest_label_counts(reader, lake):
    posts = by_rkey(lake)
    said = [{"score": 0.9, "labelled_at": LABELLED}, {"score": 0.1, "labelled_at": LABELLED + timedelta(1)}]
    write(lake.root, [*labels_of(posts["p0-0"], *said), *labels_of(posts["p0-1"], *reversed(said))])
    assert answers(reader, asked("label:toxic")) == [], "the one that came last is the older one"
    write(lake.root, labels_of(posts["p0-1"], {"score": 0.8, "labelled_at": LABELLED + timedelta(1)}))
    assert answers(reader, asked("label:toxic")) == ["p0-1"]
    assert answers(reader, asked("label:toxic<0.5")) == ["p0-0"]
    assert len(answers(reader, asked("-label:toxic"))) == HOURS * EACH - 1
    assert answers(reader, asked("label:toxic", thresholds=Thresholds(0.05), newest=False)) == ["p0-0", "p0-1"]
    assert answers(reader, asked("label:toxic fish", clock="created")) == []
    assert answers(reader, asked("label:toxic lake", clock="created")) == ["p0-1"]


def some_label(chance):
    return {
        "post": (chance.randrange(HOURS - 1), chance.randrange(EACH)),  # an hour is without any
        "name": chance.choice(NAMES),
        "score": chance.choice([None, 0.0, 0.3, 0.5, 0.7, 1.0]),
        "value": chance.choice([None, "ja", "JA", "False", "0.7"]),
        "model": chance.choice(MODELS),
        "labelled_at": LABELLED + timedelta(days=chance.randrange(3)),
    }


def some_query(chance, depth=2):
    kind = chance.choice(["label", "label", "text", "not", "and", "or"] if depth else ["label", "text"])
    if kind == "label":
        return Filter("label", tuple(chance.sample(WANTED, chance.choice([1, 1, 2]))))
    if kind == "text":
        return parse("lake")
    if kind == "not":
        return Not(some_query(chance, depth - 1))
    parts = tuple(some_query(chance, depth - 1) for _ in range(2))
    return And(parts) if kind == "and" else Or(parts)


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 20))])
def test_any_query_of_any_labels(reader, lake, seed, eager):
    """Labels come in some commits, with compaction in between, which makes text indexes."""
    chance, posts, rows = random.Random(seed), by_rkey(lake), []
    for step in ["labels", "labels", "compact", "labels", chance.choice(["labels", "compact"])]:
        if step == "compact":
            make(lake.root).round(daily=True, patient=False)
        else:
            some = [some_label(chance) for _ in range(15)]
            write(lake.root, [row for one in some for row in labels_of(posts["p{}-{}".format(*one["post"])], one)])
            rows += some
        known = latest(rows)
        for node in [some_query(chance) for _ in range(4)]:
            wanted = [f"p{h}-{n}" for h in range(HOURS) for n in range(EACH) if expected(node, known, (h, n))]
            assert answers(reader, Search(node, timeout=60, thresholds=DEFAULTS)) == wanted[::-1], render(node)


def test_posts_are_counted_by_their_labels(reader, lake):
    posts = by_rkey(lake)
    one = labels_of(posts["p0-0"], {"model": "m", "labelled_at": LABELLED}, {"name": "x", "labelled_at": LABELLED})
    two = labels_of(posts["p1-0"], *({"model": m, "score": 0.1, "labelled_at": LABELLED} for m in ("m", "n")))
    counted = partial(top, reader.full_scan)
    assert counted(asked(""), "labels", 9) == ([], 0, None)
    write(lake.root, one + two)
    assert counted(asked(""), "labels", 9) == ([("toxic", 2), ("x", 1)], 2, None)
    assert counted(asked("label:x"), "labels", 1)[:2] == ([("toxic", 1)], 2)
    assert counted(asked("fish"), "models", 9) == ([("m", 2), ("n", 1)], 2, None)


def picked(reader, text):
    """Numbers of the rows that are picked of each file, the newest file first; None: all rows are read."""
    search = asked(text)
    pruner = IndexPruner(reader.scanner, search, page_cost)
    files = [pruner.pruned(file) for file in files_in_range(search)]
    return [None if file.picked is None else file.picked.tolist() for file in files]


@pytest.mark.parametrize("indexed", [False, True])
def test_rows_without_a_label_that_must_be_there_are_not_read(reader, lake, eager, indexed):
    posts = by_rkey(lake)
    newest = HOURS - 1
    says = [{"score": 0.9, "labelled_at": LABELLED}, {"score": 0.1, "labelled_at": LABELLED + timedelta(1)}]
    write(lake.root, [*labels_of(posts[f"p{newest}-1"], says[0]), *labels_of(posts[f"p{newest}-4"], *says)])
    if indexed:
        build(lake, [newest])
    none = [[]] * (2 * HOURS - 2)
    assert picked(reader, "lake label:toxic>=0.7")[:2] == ([[], [1]] if indexed else [[1], [1]])  # 4 is about a fish
    assert picked(reader, "label:toxic>=0.7") == [[1], [1], *none]  # 4 had it, which DuckDB is left to judge
    assert picked(reader, "label:toxic>=0.7 label:toxic<0.5")[:2] == [[1], []]
    for text in ("label:toxic>=0.7 OR fish", "-label:toxic>=0.7", "label:toxic>=0.7 OR label:other"):
        assert picked(reader, text)[:2] == [None, None]
    assert answers(reader, asked("lake label:toxic>=0.7")) == [f"p{newest}-1"]


def test_rows_are_picked_again_without_reading_until_there_are_other_labels(reader, lake, eager, monkeypatch):
    posts = by_rkey(lake)
    write(lake.root, labels_of(posts["p3-1"], {"score": 1, "labelled_at": LABELLED}))
    first = picked(reader, "label:toxic>=0.7")
    assert first[:2] == [[], [1]]
    with monkeypatch.context() as patched:
        patched.setattr(reader.scanner, "times_of", None)
        assert picked(reader, "label:toxic>=0.7") == first
    write(lake.root, labels_of(posts["p3-2"], {"score": 1, "labelled_at": LABELLED}))
    assert picked(reader, "label:toxic>=0.7")[:2] == [[], [1, 2]]
    assert picked(reader, "label:toxic<0.7")[:2] == [[], []]


def test_labels_that_come_while_an_hour_is_searched_do_not_disturb(reader, lake):
    """A scan has the files of its beginning, and looks at hours near as they are now."""
    posts = by_rkey(lake)
    write(lake.root, labels_of(posts["p3-1"], {"score": 0.9, "labelled_at": LABELLED}))
    begun = files_in_range(asked("label:toxic"))[0].labels
    write(lake.root, [row for post in ("p3-2", "p2-0") for row in labels_of(posts[post], {"labelled_at": LABELLED})])
    assert len(begun) == 1
    assert reader.scanner.label_summaries.of(begun).posts == 1
    assert page(reader, asked("label:toxic")) == ["p3-2", "p3-1", "p2-0"]


def test_of_picked_rows_the_latest_are_kept(monkeypatch):
    monkeypatch.setattr("lake.scan.label_summaries.KEPT_ROWS", 2 * ENTRY + 10)
    kept = LabelledRows()
    for name in ("a", "b", "b"):
        kept.put(name, np.arange(5, dtype=np.uint32))
    assert kept.get("a") is not None
    kept.put("c", np.arange(3, dtype=np.uint32))
    assert [name for name in "abc" if kept.get(name) is not None] == ["a", "c"]


def test_an_hour_of_many_labels_is_scanned(reader, lake, eager, monkeypatch):
    monkeypatch.setattr("lake.scan.label_summaries.FEW", 1)
    posts = by_rkey(lake)
    write(
        lake.root, [row for n in range(3) for row in labels_of(posts[f"p3-{n}"], {"score": 1, "labelled_at": LABELLED})]
    )
    assert picked(reader, "label:toxic")[:2] == [None, None]
    assert answers(reader, asked("label:toxic")) == ["p3-2", "p3-1", "p3-0"]


@pytest.mark.parametrize("times", [[1, 3, 3, 5, 9], [9, 3, 1, 3, 5], [], [2]])
@pytest.mark.parametrize("wanted", [[], [3], [0, 3, 4, 9, 12], [5]])
def test_times_among_others(times, wanted):
    places = row_reader.among(np.array(times, np.int64), np.array(wanted, np.int64)).tolist()
    assert places == [place for place, time in enumerate(times) if time in wanted]


def test_a_page_of_picked_rows_that_are_read_in_parts(reader, lake, eager):
    """Each part is read beside the labels of its own hours."""
    posts = by_rkey(lake)
    write(lake.root, [row for h in range(HOURS) for row in labels_of(posts[f"p{h}-1"], {"labelled_at": LABELLED})])
    build(lake, range(HOURS))
    search = asked("lake (label:toxic OR label:lang)")
    assert [hit.key.rkey for hit in reader.find(search, 3).hits] == ["p3-1", "p2-1", "p1-1"]
