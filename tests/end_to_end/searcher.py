"""A reader who walks through all posts again and again, in a process of its own beside the others.

It ends with an error when a walk shows a post twice, or misses one that the walk before it and the walk after it show,
although its author was never inactive.
With the argument `once` it prints what one walk shows.
"""

import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "explorer.settings")


def main():
    django.setup()
    from django.conf import settings

    from lake.search.reader import Reader
    from lake.storage.duckdb_engine import Engine

    engine = Engine("200MB", 1)
    reader = Reader(engine, settings.LAKE_ROOT)
    if sys.argv[1:] == ["once"]:
        print(json.dumps(walk(reader)), flush=True)
        return
    two_ago, before, number = set(), set(), 0
    while True:
        uris = walk(reader)
        assert len(set(uris)) == len(uris), f"twice: {[uri for uri in uris if uris.count(uri) > 1][:3]}"
        missed = (two_ago & set(uris)) - before if number >= 2 else set()
        away = gone_once(engine, settings.LAKE_ROOT) if missed else set()
        missed = {uri for uri in missed if uri.split("/")[2] not in away}
        assert not missed, f"missed: {list(missed)[:3]}"
        two_ago, before, number = before, set(uris), number + 1
        print(f"walk {number}: {len(uris)} posts", flush=True)


def gone_once(engine, root):
    """The DIDs of accounts that were inactive at some time: their posts may have come and gone."""
    from lake.catalog import listing, read_guard

    def read(paths):
        sql = "SELECT did FROM lake_rows($1) WHERE kind = 'account' AND NOT active"
        return {did for (did,) in engine.rows(sql, [[str(root / path) for path in paths]])}

    return read_guard.read_current(lambda: listing.paths_since("accounts", None), read)


def walk(reader):
    """The URIs of all posts that show, page by page."""
    from lake.query.spec import Search
    from lake.scan.snapshot import pin_snapshot

    search, place, uris = pin_snapshot(Search()), None, []
    while True:
        page = reader.find(search, limit=300, start=place)
        uris += [hit.uri for hit in page.hits]
        if page.next is None:
            return uris
        place = page.next


if __name__ == "__main__":
    main()
