"""What profiles say of readers without a key: of a batch, and of files that an older version has flushed."""

from datetime import datetime
from functools import partial
from pathlib import Path

import structlog
from django.db import transaction
from django.utils import timezone

from lake.catalog import commits, listing, read_guard
from lake.catalog.commits import ProfileState
from lake.flush.dedupe import NewEvents
from lake.flush.statements import statement
from lake.models import CatalogIdentity
from lake.storage.duckdb_engine import Engine

log = structlog.get_logger("flusher")

_PROFILES = "(SELECT did, rkey, rev, extra AS body FROM lake_rows($profiles))"
_NO_DELETES = "(SELECT '' AS did, '' AS collection, '' AS rkey, '' AS rev WHERE false)"


def of_batch(engine: Engine, new: NewEvents) -> list[ProfileState]:
    profiles, deletes = new.tables["profiles"], new.tables["deletes"]
    if not profiles.num_rows and not deletes.num_rows:
        return []
    sql = statement("profile_states").format(
        profile="(SELECT did, rkey, rev, nullif(body, '') AS body FROM profile)", deletion="deletion"
    )
    return [ProfileState(*row) for row in engine.rows(sql, profile=profiles, deletion=deletes)]


def catch_up(engine: Engine, root: Path) -> None:
    """Of the files of an older version, which knew nothing of it: all of them, or those since the last start of this
    one. `root`: LAKE_ROOT."""
    now, last = timezone.now(), CatalogIdentity.objects.values_list("profiles_read_at", flat=True).first()
    start = last and last - listing.LATE
    find = partial(listing.paths_since, "profiles", start)
    states = read_guard.read_current(find, partial(_of_files, engine, root, start))
    with transaction.atomic():
        commits.set_profiles(states)
        CatalogIdentity.objects.update(profiles_read_at=now)
    log.info("profiles read for the label !no-unauthenticated", profiles=len(states))


def _of_files(engine: Engine, root: Path, start: datetime | None, paths: list[str]) -> list[ProfileState]:
    """Those that ask; with `start` also those that don't, as others may have asked before."""
    if not paths:
        return []
    deletes = listing.paths_since("deletes", start)
    deletion = "lake_rows($deletes)" if deletes else _NO_DELETES
    sql = statement("profile_states").format(profile=_PROFILES, deletion=deletion)
    values = {"profiles": _absolute(root, paths)} | ({"deletes": _absolute(root, deletes)} if deletes else {})
    states = (ProfileState(*row) for row in engine.rows(sql, values))
    return [state for state in states if start or state.asks]


def _absolute(root: Path, paths: list[str]) -> list[str]:
    return [str(root / path) for path in paths]
