"""manage.py: what SQLite says of the catalog is one sentence that says what to do."""

import os
import sqlite3
import subprocess
import sys

import pytest

from deploy.local.child import ROOT
from lake.errors import catalog_advice


def manage(database, *words):
    environment = {"PATH": os.environ["PATH"], "DJANGO_DEBUG": "true", "DATABASE_PATH": str(database)}
    command = [sys.executable, "manage.py", *words]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("content", "says", "advice"),
    [
        (None, "no such table", "run manage.py migrate, then start again"),
        (b"no database" * 100, "file is not a database", "restore it from a backup, or rebuild it"),
    ],
)
def test_a_catalog_that_is_no_catalog_is_one_sentence(tmp_path, content, says, advice):
    database = tmp_path / "catalog.sqlite3"
    if content:
        database.write_bytes(content)
    else:
        sqlite3.connect(database).close()
    done = manage(database, "axes_reset")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert done.stderr.startswith(f"The catalog {database} can't be used ({says}")
    assert advice in done.stderr


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        ("no such column: lake_datafile.rows", "manage.py migrate"),
        ("database disk image is malformed", "from a backup, or rebuild it"),
        ("unable to open database file", "mount or create its folder"),
        ("database is locked", "find the process that holds it"),
        ("disk I/O error", "mend that"),
    ],
)
def test_each_word_of_sqlite_has_an_advice(words, advice):
    assert advice in catalog_advice(sqlite3.OperationalError(words))


def test_a_process_that_serves_no_pages_does_not_load_them(tmp_path):
    """They take as much time and memory as all else that the consumer starts with."""
    code = "import sys; print([name for name in sys.modules if name.startswith(('api.answers', 'lake.search'))])"
    done = manage(tmp_path / "catalog.sqlite3", "shell", "--no-imports", "--command", code)
    assert done.stdout.splitlines()[-1:] == ["[]"], done.stdout + done.stderr
