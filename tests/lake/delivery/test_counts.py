"""What the manifest says of rows that are left out."""

import subprocess

import pytest

from lake.delivery import counts
from lake.delivery.software import described_by_git
from lake.export.spec import ExportSpec
from lake.query.parser import parse
from lake.query.spec import Search
from lake.search.reader import Reader
from lake.storage.duckdb_engine import Engine
from tests.builders import NOON_US, delete, post


@pytest.mark.parametrize(
    ("limit", "hits", "relation", "cut"),
    [
        (None, 9, "eq", False),
        (None, 9, "gte", False),
        (9, 9, "eq", False),
        (9, 10, "eq", True),
        (9, 10, "gte", True),
        (9, 9, "gte", None),
        (9, 0, "gte", None),
    ],
)
def test_a_limit_truncates_when_there_are_more_hits(limit, hits, relation, cut):
    assert counts.truncated(limit, hits, relation) is cut


@pytest.fixture
def scan(lake, lake_root):
    """Seven posts with an n, two of them deleted."""
    lake.flush(*(post(f"n{n}", rkey=f"k{n}", time_us=NOON_US + n) for n in range(7)), post("else"))
    lake.flush(delete("k3", time_us=NOON_US + 98), delete("k4", time_us=NOON_US + 99))
    return Reader(Engine("500MB", 1, fence=lake_root), lake_root).full_scan


@pytest.mark.parametrize(
    ("options", "rows", "cut", "hidden"),
    [
        ({}, 5, False, 2),
        ({"limit": 5}, 5, False, 2),
        ({"limit": 4}, 4, True, None),
        ({"sample": 3}, 3, False, None),
        ({"sample": 3, "limit": 3}, 3, False, None),
        ({"sample": 3, "limit": 2}, 2, True, None),
        ({"sample": 9}, 5, False, None),
    ],
)
def test_before_and_after_agree(scan, options, rows, cut, hidden):
    spec = ExportSpec(Search(parse("n")), (), {}, **options)
    told = {"truncated": cut, "rows_hidden": hidden, "removed_since": 0}
    assert counts.before(scan, spec) == {"rows": rows, "rows_relation": "eq", **told}
    assert counts.after(scan, spec, rows) == told


def test_nothing_is_hidden_where_nothing_is_left_out(scan):
    spec = ExportSpec(Search(parse("n"), hide=False), (), {})
    assert counts.after(scan, spec, 7) == {"truncated": False, "rows_hidden": 0, "removed_since": 0}


def test_git_tells_the_commit_and_a_folder_without_it_has_none(tmp_path):
    assert described_by_git(tmp_path) is None
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b.example", "-C", str(tmp_path)]
    for arguments in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "one"], ["tag", "v1"]):
        subprocess.run([*git, *arguments], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    assert described_by_git(tmp_path) == head
