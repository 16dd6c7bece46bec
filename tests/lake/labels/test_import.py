"""Files of labels, odd ones too: what is a label is imported once, what is none is listed."""

import csv
import json
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from lake.label_models import LabelImport, WaitingLabel
from lake.labels import importer
from lake.labels.importer import Importer
from lake.labels.source import LabelFileError
from lake.labels.writer import LabelWriter
from tests.builders import ALICE, BOB, NOON_US, account, delete, post, tid

KEY = tid(NOON_US)
URI = f"at://{ALICE}/app.bsky.feed.post/{KEY}"
URL = f"https://bsky.app/profile/{ALICE}/post/{KEY}"
UNKNOWN = f"at://{BOB}/app.bsky.feed.post/{tid(NOON_US + 1)}"
PLAIN = {"uri": URI, "label": "toxic", "score": 0.5}


@pytest.fixture
def labelled(lake):
    lake.flush(post(rkey=KEY, time_us=NOON_US))
    return lake


def said(lake):
    return [tuple(row[name] for name in ("name", "score", "value", "model", "version")) for row in lake.rows("labels")]


def imported(path, **options):
    call_command("import_labels", str(path), **options)
    return LabelImport.objects.first()


def written(path, rows):
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".csv":
        with path.open("w", newline="") as file:
            lines = csv.DictWriter(file, rows[0])
            lines.writeheader()
            lines.writerows(rows)
    else:
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


@pytest.mark.parametrize("suffix", ["parquet", "csv", "ndjson", "jsonl"])
def test_each_format_says_the_same(labelled, tmp_path, suffix):
    rows = [
        {**PLAIN, "value": None, "model": "m", "version": "1", "labelled_at": "2026-07-02T01:02:03Z"},
        {
            "uri": URL,
            "label": "lang",
            "score": None,
            "value": "en",
            "model": None,
            "version": None,
            "labelled_at": None,
        },
        {**PLAIN, "score": 2.0, "value": "", "model": "", "version": "", "labelled_at": ""},
    ]
    row = imported(written(tmp_path / f"x.{suffix}", rows), model="default")
    assert (row.rows, row.joined, row.wrong, row.waiting, row.folded) == (3, 2, 1, 0, 0)
    assert sorted(said(labelled)) == [("lang", None, "en", "default", None), ("toxic", 0.5, None, "m", "1")]
    times = {row["name"]: row["labelled_at"] for row in labelled.rows("labels")}
    assert times["toxic"] == datetime.fromisoformat("2026-07-02T01:02:03")
    assert times["lang"].replace(tzinfo=UTC) == row.started_at
    listed = (tmp_path / f"x.{suffix}.rejected.csv").read_text()
    assert listed.splitlines() == ["row,reason", "3,score is not between 0 and 1"]


WRONG = [
    ({"uri": ""}, "has no uri"),
    ({"uri": "at://alice.example/app.bsky.feed.post/x"}, "uri is no post"),
    ({"uri": "https://bsky.app/profile/alice.example/post/x"}, "uri is no post"),
    ({"uri": f"at://{ALICE}/app.bsky.feed.like/x"}, "uri is no post"),
    ({"uri": f"{URI}/x"}, "uri is no post"),
    ({"uri": f"at://{ALICE}/app.bsky.feed.post/.."}, "uri is no post"),
    ({"label": " "}, "has no label"),
    ({"label": "x" * 201}, "label, model and version have"),
    ({"value": "x" * 10_001}, "value has more"),
    ({"score": "high"}, "score is no number"),
    ({"score": 2}, "score is not between"),
    ({"score": -0.1}, "score is not between"),
    ({"score": "NaN"}, "score is not between"),
    ({"score": "inf"}, "score is not between"),
    ({"labelled_at": "yesterday"}, "labelled_at is no time"),
    ({"labelled_at": "1969-01-01"}, "labelled_at is before 1970"),
    ({"labelled_at": "9000-01-01"}, "labelled_at is before 1970, or to come"),
]


@pytest.mark.parametrize("suffix", ["csv", "ndjson"])
def test_wrong_rows_are_listed_and_the_others_imported(labelled, tmp_path, capsys, suffix):
    full = dict.fromkeys(("uri", "label", "score", "value", "labelled_at"), "") | PLAIN
    rows = [*(full | wrong for wrong, _ in WRONG), full]
    row = imported(written(tmp_path / f"x.{suffix}", rows))
    assert (row.rows, row.joined, row.wrong) == (len(WRONG) + 1, 1, len(WRONG))
    with (tmp_path / f"x.{suffix}.rejected.csv").open() as file:
        found = list(csv.reader(file))[1:]
    assert [int(number) for number, _ in found] == list(range(1, len(WRONG) + 1))
    assert [(given, reason) for (_, reason), (_, given) in zip(found, WRONG, strict=True) if given not in reason] == []
    assert "row 1: has no uri" in capsys.readouterr().err


ODD = {
    "a byte order mark": ("csv", f"\ufeffuri,label\n{URI},toxic\n", 1, 0),
    "other columns": ("csv", f"text,uri,label\nhi,{URI},toxic\n", 1, 0),
    "a short and a long row": ("csv", f"uri,label,score\n{URI},toxic\n{URI},toxic,1,2\n", 1, 1),
    "line breaks in quotes": ("csv", f'uri,label,value\n{URI},toxic,"a\nb"\n', 1, 0),
    "no rows": ("csv", "uri,label\n", 0, 0),
    "no lines": ("ndjson", "", 0, 0),
    "blank lines": ("ndjson", f'\n{{"uri":"{URI}","label":"toxic"}}\n\n', 1, 0),
    "no JSON, and no objects": ("ndjson", '{"uri":\n[1]\n"x"\n', 0, 3),
    "keys of any type": ("ndjson", json.dumps({"uri": URI, "label": 7, "score": "0.5", "value": [1]}), 1, 0),
    "Latin-1": ("csv", f"uri,label\n{URI},caf\udce9\n", 0, 1),
}


@pytest.mark.parametrize(("suffix", "text", "joined", "wrong"), ODD.values(), ids=ODD)
def test_odd_files(labelled, tmp_path, suffix, text, joined, wrong):
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(text.encode(errors="surrogateescape"))
    row = imported(path)
    assert (row.joined, row.wrong, row.finished_at is None) == (joined, wrong, False)
    assert path.with_name(f"{path.name}.rejected.csv").exists() == (wrong > 0)


REFUSED = {
    "empty.csv": b"",
    "columns.csv": b"url,label\n",
    "twice.csv": b"uri,label,label\n",
    "quote.csv": b'uri,label\n"' + b"x" * 1_100_000,
    "no.parquet": b"PAR1",
    "x.xlsx": b"",
    "missing.csv": None,
}


@pytest.mark.parametrize("name", REFUSED)
def test_files_that_are_none_are_refused_with_a_sentence(db, lake_root, tmp_path, name):
    if REFUSED[name] is not None:
        (tmp_path / name).write_bytes(REFUSED[name])
    with pytest.raises((LabelFileError, CommandError)) as caught:
        imported(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_parquet_column_that_holds_no_text_is_refused(db, lake_root, tmp_path):
    with pytest.raises(LabelFileError, match="The column score"):
        imported(written(tmp_path / "x.parquet", [{"uri": URI, "label": "x", "score": [1.0]}]))


def test_a_finished_file_is_not_imported_twice_unless_asked(labelled, tmp_path, capsys):
    path = written(tmp_path / "x.csv", [PLAIN | {"labelled_at": "2026-07-02"}])
    imported(path)
    assert imported(path).joined == 1
    assert "--again" in capsys.readouterr().out
    again = imported(path, again=True)
    assert (LabelImport.objects.count(), again.joined, again.folded) == (2, 0, 1)
    assert len(said(labelled)) == 1


def test_what_the_latest_label_says_already_is_no_news_without_a_time(labelled, tmp_path):
    imported(written(tmp_path / "1.csv", [PLAIN]))
    assert imported(written(tmp_path / "2.csv", [PLAIN, PLAIN | {"label": "spam"}])).folded == 1
    assert imported(written(tmp_path / "3.csv", [PLAIN | {"score": 0.75}])).joined == 1
    assert imported(written(tmp_path / "4.csv", [PLAIN | {"label": "toxic "}])).joined == 1  # 0.5 is news again
    assert sorted(score for name, score, *_ in said(labelled) if name == "toxic") == [0.5, 0.5, 0.75]


def test_an_import_goes_on_where_it_was_stopped(labelled, tmp_path):
    scores = [number / 100 for number in range(10)]
    rows = [PLAIN | {"score": score} for score in scores] + [PLAIN | {"score": 3}]
    path = written(tmp_path / "x.csv", rows)
    writer = LabelWriter(labelled.root)
    writer.prepare()
    row = importer.begin(path, "", "", again=False).row
    run = Importer(labelled.engine, labelled.root, writer)
    listed = importer.rejected_path(path)
    for _ in run.run(path, row, listed, lambda: row.rows >= 4, size=2):
        pass
    assert (row.rows, row.finished_at, len(said(labelled))) == (4, None, 4)
    listed.write_text("row,reason\n11,from a run that was killed before its commit\n")
    done = imported(path)
    assert (done.pk, done.rows, done.joined, done.wrong) == (row.pk, 11, 10, 1)
    assert [score for _, score, *_ in sorted(said(labelled))] == scores
    assert listed.read_text().splitlines()[1:] == ["11,score is not between 0 and 1"]


def test_labels_of_posts_that_do_not_show_wait(labelled, tmp_path):
    labelled.flush(delete(KEY, time_us=NOON_US + 9), post(did=BOB, rkey="mine"), account(False, "suspended", did=BOB))
    rows = [PLAIN, PLAIN | {"uri": UNKNOWN}, PLAIN | {"uri": f"at://{BOB}/app.bsky.feed.post/mine"}]
    assert imported(written(tmp_path / "x.csv", rows)).waiting == 3
    assert said(labelled) == []
    assert WaitingLabel.objects.count() == 3


def test_a_label_is_of_the_version_that_shows(labelled, tmp_path):
    labelled.flush(post("new text", "update", rkey=KEY, time_us=NOON_US + 3_600_000_000))
    imported(written(tmp_path / "x.csv", [PLAIN]))
    newest = max(labelled.rows("posts"), key=lambda row: row["rev"])
    assert [(row["rev"], row["seen"]) for row in labelled.rows("labels")] == [(newest["rev"], newest["seen"])]


def test_a_post_that_came_long_after_its_key_was_made_is_found_in_the_end(labelled, tmp_path):
    old = tid(NOON_US - 9000 * 3_600_000_000)
    labelled.flush(post(did=BOB, rkey=old, time_us=NOON_US + 1))
    rows = [PLAIN | {"uri": f"at://{did}/app.bsky.feed.post/{old}"} for did in (ALICE, BOB)]
    row = imported(written(tmp_path / "x.csv", rows))
    assert (row.joined, row.waiting) == (1, 1)
    assert [row["rkey"] for row in labelled.rows("labels")] == [old]
