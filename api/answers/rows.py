"""Hits as JSON."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from api.answers.pseudonyms import with_pseudonyms
from api.answers.reader import reader
from api.params.search import MATCHES
from lake.export.columns import LABELS, MATCHED
from lake.pseudonyms.names import Pseudonyms
from lake.query.spec import LAST_US
from lake.scan.hit import Hit
from lake.search.post_labels import labels_of, post_key

LISTS = ("langs", "links", "hashtags", "mentions", "media", "alt", "self_labels")  # [] when a post has none

LABEL_SECONDS = 10.0


class Finders(NamedTuple):
    """What is found in a post's text, and in its hashtags: `places` for the column `matches`, `terms` for `matched`."""

    places: Callable[[str | None], Sequence[tuple[int, int]]]
    terms: Callable[[str | None, Sequence[str | None]], Sequence[str]]


def to_results(
    hits: Sequence[Hit],
    usernames: Mapping[str, str],
    columns: Sequence[str],
    find: Finders | None = None,
    until_us: int = LAST_US,
    names: Pseudonyms | None = None,
) -> list[dict[str, Any]]:
    """One object per hit, with these columns. `until_us`: labels that came later do not exist. `names`: in place of
    accounts and records. Raises as Scanner does."""
    rows: Iterable[dict[str, Any]] = [to_result(hit, usernames.get(hit.did)) for hit in hits]
    if LABELS in columns:
        labels = labels_of(reader().scanner, hits, until_us, LABEL_SECONDS)
        rows = [row | {LABELS: labels.get(key, [])} for row, key in zip(rows, map(post_key, hits), strict=True)]
    rows = with_pseudonyms(names, rows)
    if find is not None and MATCHES in columns:
        rows = (row | {MATCHES: find.places(row["text"])} for row in rows)
    if find is not None and MATCHED in columns:
        rows = (row | {MATCHED: find.terms(row["text"], row["hashtags"])} for row in rows)
    return [{name: row[name] for name in columns} for row in rows]


def to_result(hit: Hit, username: str | None) -> dict[str, Any]:
    fields = {name: value or [] if name in LISTS else value for name, value in hit.fields.items()}
    return {
        "id": hit.uri,
        "did": hit.did,
        "username": username,
        "timestamp": hit.timestamp,
        "seen_at": hit.seen_at,
        **fields,
        "url": f"https://bsky.app/profile/{hit.did}/post/{hit.key.rkey}",
    }
