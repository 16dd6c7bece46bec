"""A thread as JSON: nested, as its posts answer each other."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from api.answers.pseudonyms import pseudonyms, with_pseudonyms
from api.answers.reader import reader
from api.answers.rows import to_results
from api.answers.usernames import uris_with_dids, usernames
from api.params.query import result_columns, withhold
from lake.flags.definitions import Flags
from lake.threads.thread import read_thread
from lake.threads.thread_tree import Place

MOST_LEVELS = 100  # of nested objects: parsers of JSON have limits


def thread(values: Mapping[str, Any], flags: Flags, deadline: float) -> dict[str, Any]:
    """`deadline`: in monotonic seconds."""
    (asked,) = uris_with_dids([values["uri"]], deadline - time.monotonic())
    found = read_thread(reader().scanner, asked, flags.hide_deleted, deadline - time.monotonic(), withhold(flags))
    names, columns = usernames([*found.posts.values(), *found.quotes]), result_columns("posts")
    in_tree = [found.posts[place.uri] for place in found.order if place.uri in found.posts]
    rows = {row["id"]: row for row in to_results(in_tree, names, columns)}
    nodes: dict[str, dict[str, Any]] = {
        uri: {
            "uri": uri,
            "state": found.states.get(uri, "shown"),
            "asked": uri == asked,
            "post": rows.get(uri),
            "replies": [],
        }
        for uri, _ in found.order
    }
    answer = {
        "root": nested(found.order, nodes),
        "quotes": to_results(found.quotes, names, columns),
        "meta": {
            "asked": asked,
            "root": found.root,
            "posts": len(rows),
            "quotes": len(found.quotes),
            "more": found.more,
            "more_quotes": found.more_quotes,
            "complete": found.complete,
        },
    }
    told: dict[str, Any] = with_pseudonyms(pseudonyms(values), answer)
    return told


def nested(order: Iterable[Place], nodes: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The root, with each other node in the `replies` of what it answers. What is deeper than MOST_LEVELS is on the
    last of them, in the same order."""
    above: list[dict[str, Any]] = []
    for uri, level in order:
        del above[min(level, MOST_LEVELS - 1) :]
        if above:
            above[-1]["replies"].append(nodes[uri])
        above.append(nodes[uri])
    return above[0]
