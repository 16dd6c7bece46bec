"""A thread as nested lists. Pure."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from explorer.search.hits import Hit, to_hit

_GONE = {
    "deleted": "A post that its author deleted.",
    "hidden": "A post of an account that is not active.",
    "unknown": "A post that was not seen here.",
}


class Item(NamedTuple):
    """One post, or why there is none. `url`: where a post that was not seen here may be. `opens`: replies follow, in a
    list of their own. `closes`: so many lists end after it."""

    uri: str
    asked: bool
    hit: Hit | None
    why: str
    url: str
    opens: bool
    closes: range


def items(root: Mapping[str, Any]) -> list[Item]:
    """In reading order, of a node as the API answers with it."""
    order: list[tuple[Mapping[str, Any], int]] = []
    left = [(root, 0)]
    while left:
        order.append(place := left.pop())
        left += [(reply, place[1] + 1) for reply in reversed(place[0]["replies"])]
    following = [level for _, level in order[1:]] + [0]
    return [_item(node, level, after) for (node, level), after in zip(order, following, strict=True)]


def _item(node: Mapping[str, Any], level: int, after: int) -> Item:
    return Item(
        uri=node["uri"],
        asked=node["asked"],
        hit=to_hit(node["post"]) if node["post"] else None,
        why=_GONE.get(node["state"], ""),
        url=bluesky_url(node["uri"]) if node["state"] == "unknown" else "",
        opens=after > level,
        closes=range(max(0, level - after)),
    )


def bluesky_url(uri: str) -> str:
    """Of a post's AT-URI."""
    did, _, rkey = uri.removeprefix("at://").split("/", 2)
    return f"https://bsky.app/profile/{did}/post/{rkey}"
