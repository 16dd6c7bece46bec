"""Whether the catalog can be read and written, within seconds: past Django, whose connections wait longer."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from django.db import connection

LOCK_SECONDS = 4.0  # no transaction of ours takes so long


class Probe(NamedTuple):
    """In a sentence each; empty: it can be."""

    unreadable: str = ""
    refuses: str = ""


def probe(writes: bool = True) -> Probe:
    """`writes`: also takes the lock for writing, for a moment."""
    name = str(connection.settings_dict["NAME"])
    if "mode=memory" in name:  # as in tests
        return Probe()
    if not Path(name).is_file():
        return Probe(f"{name} is missing: mount its disk or restore it, or rebuild it with manage.py rebuild_catalog")
    try:
        return _probe(f"file:{quote(name)}?mode=rw", writes)
    except sqlite3.Error as error:
        return Probe(unreadable=f"it can't be read ({error}): find who holds it, or mend its disk")


def _probe(uri: str, writes: bool) -> Probe:
    with closing(sqlite3.connect(uri, timeout=LOCK_SECONDS, isolation_level=None, uri=True)) as database:
        database.execute("SELECT id FROM lake_datafile LIMIT 1").fetchall()
        if not writes:
            return Probe()
        try:
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
        except sqlite3.Error as error:
            return Probe(refuses=f"it takes no writes ({error}): find who holds it, or mend its disk")
        return Probe()
