"""A reader who walks through all posts again and again, in a process of its own beside the others.

It ends with an error when a walk shows a post twice, or misses one that the walk before it and the walk after it show,
although its author was never inactive. After each walk it asks for an earlier one's moment again: that shows no other
posts than it did then, and all that still show, unless they were deleted for a time.
The argument `once`: it prints what one walk shows. A second argument is a query: what matches comes and goes with
labels and new versions, so that only earlier moments are compared.
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
    how, query = [*sys.argv[1:], "", ""][:2]
    if how == "once":
        print(json.dumps(walk(reader, present(), query)), flush=True)
        return
    two_ago, before, number, moments = set(), set(), 0, {}
    while True:
        moment = present()
        uris = walk(reader, moment, query)
        assert len(set(uris)) == len(uris), f"twice: {[uri for uri in uris if uris.count(uri) > 1][:3]}"
        missed = (two_ago & set(uris)) - before if number >= 2 and not query else set()
        away = gone_once(engine, settings.LAKE_ROOT) if missed else set()
        missed = {uri for uri in missed if uri.split("/")[2] not in away}
        assert not missed, f"missed: {list(missed)[:3]}"
        moments[moment] = set(uris)
        asked = list(moments)[len(moments) // 2]
        again = set(walk(reader, asked, query))
        more, less = again - moments[asked], (moments[asked] - again) & set(uris)
        if more or less:
            away, deleted = gone_once(engine, settings.LAKE_ROOT), deleted_once(engine, settings.LAKE_ROOT)
            more = {uri for uri in more if uri.split("/")[2] not in away}
            less = {uri for uri in less if uri.split("/")[2] not in away and uri not in deleted}
        assert not more | less, f"as of {asked}: more {list(more)[:3]}, less {list(less)[:3]}"
        two_ago, before, number = before, set(uris), number + 1
        print(f"walk {number}: {len(uris)} posts", flush=True)


def gone_once(engine, root):
    """The DIDs of accounts that were inactive at some time: their posts may have come and gone."""
    from lake.catalog import listing, read_guard

    def read(paths):
        sql = "SELECT did FROM lake_rows($1) WHERE kind = 'account' AND NOT active"
        return {did for (did,) in engine.rows(sql, [[str(root / path) for path in paths]])}

    return read_guard.read_current(lambda: listing.paths_since("accounts", None), read)


def deleted_once(engine, root):
    """The URIs of posts that were deleted at some time: they may have come again."""
    from lake.catalog import listing, read_guard

    def read(paths):
        sql = "SELECT concat('at://', did, '/', collection, '/', rkey) FROM lake_rows($1)"
        return {uri for (uri,) in engine.rows(sql, [[str(root / path) for path in paths]])}

    return read_guard.read_current(lambda: listing.paths_since("deletes", None), read)


def present():
    from lake.query.spec import Search
    from lake.scan.snapshot import pin_snapshot

    return pin_snapshot(Search()).snapshot_us


def walk(reader, moment, query):
    """The URIs of all posts that match and show as of a moment, page by page."""
    from lake.query.parser import parse
    from lake.query.spec import Search

    search, place, uris = Search(parse(query), snapshot_us=moment), None, []
    while True:
        page = reader.find(search, limit=300, start=place)
        uris += [hit.uri for hit in page.hits]
        if page.next is None:
            return uris
        place = page.next


if __name__ == "__main__":
    main()
