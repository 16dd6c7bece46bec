"""manage.py import_handles: millions of handles from a file, without loss of what events told later."""

import csv
import json
from io import StringIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.core.management import CommandError, call_command

from api.imports import handles, table_files
from ingest.handles.store import Claim, Store
from process.instants import now_us
from tests.builders import ALICE, BOB, NOON_US

CAROL = "did:plc:carolaaaaaaaaaaaaaaaaaaa"
ROWS = [(ALICE, "@Alice.example"), (BOB, "bob.example"), (CAROL, "carol.example")]
AT = "2026-07-01T12:00:00Z"


@pytest.fixture
def store(tmp_path, settings):
    settings.HANDLES_PATH = tmp_path / "handles.sqlite3"
    return Store(settings.HANDLES_PATH, 1).create()


def written(path, rows, names=("did", "handle")):
    if path.suffix == ".parquet":
        columns = {name: list(values) for name, values in zip(names, zip(*rows, strict=True), strict=True)}
        pq.write_table(pa.table(columns), path)
    elif path.suffix == ".csv":
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([names, *rows])
    else:
        path.write_text("".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows))
    return path


def run(path, *arguments):
    out, err = StringIO(), StringIO()
    call_command("import_handles", str(path), *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue().splitlines()


def names(store):
    return store.names([ALICE, BOB, CAROL])


@pytest.mark.parametrize("ending", table_files.SUFFIXES)
def test_every_format_is_read_and_again_without_effect(store, tmp_path, ending):
    path = written(tmp_path / f"handles{ending}", ROWS)
    for _ in range(2):
        assert run(path) == ("OK: 3 rows, 0 wrong ones.\n", [])
        assert names(store) == {ALICE: "alice.example", BOB: "bob.example", CAROL: "carol.example"}
        assert store.figures().known == 3


def test_the_latest_claim_counts_whichever_came_first(store, tmp_path):
    with store.transaction():
        store.claim([Claim(ALICE, "later.example", NOON_US + 1), Claim(BOB, "before.example", NOON_US - 1)])
        store.claim([Claim(CAROL, None, NOON_US + 1)])  # its account was deleted
    run(written(tmp_path / "x.csv", ROWS), "--at", AT)
    assert names(store) == {ALICE: "later.example", BOB: "bob.example"}
    rows = [(*row, at) for row, at in zip(ROWS, ("2026-07-02", "", "2026-07-02T00:00:00Z"), strict=True)]
    run(written(tmp_path / "y.csv", rows, ("did", "handle", "at")), "--at", AT)
    assert names(store) == {ALICE: "alice.example", BOB: "bob.example", CAROL: "carol.example"}


def test_a_time_to_come_is_now_so_that_events_correct_it(store, tmp_path):
    run(written(tmp_path / "x.csv", [(*ROWS[0], "9999-01-01")], ("did", "handle", "at")), "--at", "9998-01-01")
    with store.transaction():
        store.claim([Claim(ALICE, "new.example", now_us())])
    assert names(store) == {ALICE: "new.example"}


def test_wrong_rows_are_listed_and_the_others_count(store, tmp_path):
    path = tmp_path / "x.ndjson"
    path.write_text(
        f'{{"did": "{ALICE}", "handle": "alice.example"}}\n[1]\n{{"did": 5, "handle": "x.example"}}\nnothing\n'
        f'{{"did": "{BOB}", "handle": "handle.invalid"}}\n{{"did": "{BOB}"}}\n'
        f'{{"did": "{BOB}", "handle": "b.example", "at": "soon"}}\n{{"did": "{CAROL}", "handle": "carol.example"}}\n'
    )
    out, err = run(path)
    assert out == "OK: 8 rows, 6 wrong ones.\n"
    assert [line.partition(":")[0] for line in err] == ["row 2", "row 3", "row 4", "row 5", "row 6", "row 7"]
    assert names(store) == {ALICE: "alice.example", CAROL: "carol.example"}


def test_it_goes_on_after_a_number_of_rows(store, tmp_path, monkeypatch):
    monkeypatch.setattr(table_files, "ROWS_AT_ONCE", 2)
    path = written(tmp_path / "x.csv", ROWS)
    steps = handles.import_handles(store, path, NOON_US)
    assert next(steps).rows == 2
    steps.close()
    assert len(names(store)) == 2
    run(path, "--after", "2")
    assert len(names(store)) == 3


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("x.txt", b"", "endings"),
        ("x.csv", b"did,name\nx,y\n", "no column handle"),
        ("x.parquet", b"PAR1", "can't be read as parquet"),
        ("x.csv", b"did,handle\n\xff,x\n", "can't be read as csv"),
    ],
)
def test_another_file_is_refused(store, tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CommandError, match=told):
        run(tmp_path / name)


def test_a_file_that_is_missing_and_a_time_that_is_none_are_refused(store, tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        run(tmp_path / "none.csv")
    with pytest.raises(CommandError, match="is no time"):
        run(written(tmp_path / "x.csv", ROWS), "--at", "soon")
