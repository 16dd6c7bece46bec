"""Functions that label posts: each post once, newest first, whatever fails in between."""

import importlib.util
import re

import pyarrow as pa
import pytest
from django.core.management import CommandError, call_command

from deploy.local.child import ROOT
from lake.labels import labeller
from lake.labels.labeller import GIVEN, WrongFunction, labels_of
from lake.labels.language import detect
from tests.builders import NOON_US, post

asked: list[pa.Table] = []
tried: list[pa.Table] = []
needs_py3langid = pytest.mark.skipif(
    importlib.util.find_spec("py3langid") is None, reason="py3langid is missing: pip install -r requirements-labels.txt"
)


def length(posts):
    asked.append(posts)
    return pa.array([min(1.0, len(text) / 10) for text in posts["text"].to_pylist()])


def of_all_sorts(posts):
    return [{"one": 0.5, "two": "x"}, None, {}][: posts.num_rows]


def failing(posts):
    tried.append(posts)
    if len(tried) == 2:
        raise RuntimeError("no memory on the GPU")
    return length(posts)


def too_few(posts):
    return []


@pytest.fixture
def filled(lake, monkeypatch):
    asked.clear(), tried.clear()
    monkeypatch.setattr(labeller, "BATCH", 2)
    lake.flush(*(post(f"text {n}", rkey=f"k{n}", time_us=NOON_US + n * 1_000_000) for n in range(5)))
    return lake


def run(function, **options):
    call_command("label_posts", function=f"{__name__}:{function}", **options)


def said(lake):
    return [(row["rkey"], row["name"], row["score"], row["value"]) for row in lake.rows("labels")]


def test_each_post_is_labelled_once_the_newest_first(filled, capsys):
    run("length", name="length", limit=3)
    assert [batch["text"].to_pylist() for batch in asked] == [["text 4", "text 3"], ["text 2"]]
    assert tuple(asked[0].column_names) == GIVEN
    assert asked[0]["uri"][0].as_py().endswith("/app.bsky.feed.post/k4")
    run("length", name="length")
    run("length", name="length")
    assert said(filled) == [(f"k{n}", "length", 0.6, None) for n in range(5)]
    assert sum(batch.num_rows for batch in asked) == 5
    filled.flush(post("new", rkey="k9", time_us=NOON_US + 9_000_000))
    run("length", name="length")
    assert asked[-1]["text"].to_pylist() == ["new"]
    run("length", name="length", model_version="2")
    assert len(said(filled)) == 12
    assert "6 posts were read, 6 labels written" in capsys.readouterr().out


def test_a_batch_that_fails_leaves_nothing_and_the_next_run_goes_on(filled):
    with pytest.raises(WrongFunction, match="none of 2 posts was labelled: RuntimeError: no memory on the GPU"):
        run("failing", name="x")
    assert [rkey for rkey, *_ in said(filled)] == ["k3", "k4"]
    run("failing", name="x")
    assert [rkey for rkey, *_ in said(filled)] == ["k0", "k1", "k2", "k3", "k4"]


def test_a_function_may_name_its_labels_and_leave_posts_out(filled):
    filled.flush(post("a", rkey="z", time_us=NOON_US - 10))
    run("of_all_sorts", limit=2)
    assert said(filled) == [("k4", "one", 0.5, None), ("k4", "two", None, "x")]


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        ("nothing", {}, "can't be used"),
        ("too_few", {"name": "x"}, "gave 0 answers for 2 posts"),
        ("length", {}, "give --name"),
        ("length", {"name": "x", "start": "yesterday"}, "--start takes a date"),
    ],
)
def test_what_is_wrong_is_one_sentence(filled, function, options, message):
    with pytest.raises(CommandError, match=message):
        run(function, **options)
    assert said(filled) == []


@pytest.mark.parametrize("answer", [2, -0.1, float("nan"), object(), b"x", [1]])
def test_what_is_no_label_is_refused(answer):
    with pytest.raises(WrongFunction, match="a score is from 0 to 1"):
        labels_of(answer, "x")


def test_the_classifier_of_the_guide_labels(filled, tmp_path, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "labels.md").read_text(), re.DOTALL)
    (tmp_path / "shouting.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    filled.flush(post("WHAT A day", rkey="z", time_us=NOON_US + 9_000_000), post("5", rkey="y", time_us=NOON_US - 1))
    call_command("label_posts", function="shouting:score")
    assert said(filled) == [*((f"k{n}", "shouting", 0.0, None) for n in range(5)), ("z", "shouting", 0.625, None)]
    assert {(row["model"], row["version"]) for row in filled.rows("labels")} == {("upper-case", "1")}


@needs_py3langid
def test_the_language_is_that_of_the_text():
    texts = [
        "おはようございます",
        "guten Morgen zusammen, wie geht es euch?",
        "https://example.com @alice.example",
        None,
    ]
    assert detect(pa.table({"text": texts})) == ["ja", "de", "und", "und"]


@pytest.mark.skipif(importlib.util.find_spec("py3langid") is not None, reason="py3langid is here")
def test_without_the_library_the_command_says_what_to_install(filled):
    with pytest.raises(CommandError, match=r"pip install -r requirements-labels.txt"):
        call_command("label_posts", function="lake.labels.language:detect")
