"""The filters of a search: one row of FILTERS each. Pure.

The lexer, the SQL compiler, the parameters of the API with their OpenAPI schema, and the command's options are made
from this table; tests compare the documentation with it.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from lake.query import filter_sql
from lake.query.filter_sql import Conditions
from lake.query.filter_values import (
    ACCOUNT,
    DOMAIN,
    END,
    HASHTAG,
    LABEL,
    LANGUAGE,
    LINK,
    ONE_POST,
    SELF_LABEL,
    START,
    SUBJECT,
    QueryError,
    ValueKind,
    one_of,
)
from lake.schema import DATASETS, Dataset


class Parameter(NamedTuple):
    """A search parameter that is a filter."""

    name: str
    help: str


class FilterSpec(NamedTuple):
    """`operator`: the name before the colon in `text`. `choices`: all values, of a filter that has few. `fault`: why a
    dataset has no rows with a value, or an empty string. `may_be_text`: with another value the operator is text, not an
    error."""

    operator: str
    value: ValueKind
    conditions: Conditions
    parameters: tuple[Parameter, ...] = ()
    datasets: tuple[str, ...] = ("posts",)
    choices: tuple[str, ...] = ()
    fault: Callable[[str, Dataset], str] = lambda _value, _dataset: ""
    may_be_text: bool = False


def _choice(name: str, help_text: str, conditions: Mapping[str, str]) -> FilterSpec:
    sql = filter_sql.chosen(conditions)
    return FilterSpec(name, one_of(conditions), sql, (Parameter(name, help_text),), choices=tuple(conditions))


# Names that mean the same, as operators and as parameters.
SYNONYMS = (
    ("from", "username"),
    ("lang", "langs", "language"),
    ("tag", "tags", "hashtag", "hashtags"),
    ("mentions", "mention"),
    ("domain", "domains"),
    ("url", "urls"),
    ("since", "start"),
    ("until", "end"),
)


def synonyms(name: str) -> tuple[str, ...]:
    """The other names of an operator or a parameter."""
    return tuple(other for group in SYNONYMS if name in group for other in group if other != name)


_ALL = tuple(DATASETS)
_WITH_SUBJECT = ("posts", *(name for name, dataset in DATASETS.items() if dataset.subject))

FILTERS: dict[str, FilterSpec] = {
    "author": FilterSpec(
        "from", ACCOUNT, filter_sql.is_in("did"),
        (
            Parameter("username", "Author: handle, with or without @, DID, or the profile's URL at bsky.app."),
            Parameter("did", "Author's DID. Takes what username takes."),
        ),
        _ALL,
    ),
    "subject": FilterSpec(
        "subject", SUBJECT, filter_sql.has_subject,
        (
            Parameter(
                "subject",
                "What a like, repost, follow or block is of, or a post replies to or quotes: AT-URI, DID, handle, "
                "or the URL at bsky.app.",
            ),
        ),
        _WITH_SUBJECT,
        fault=filter_sql.subject_fault,
    ),
    "root": FilterSpec(
        "root", ONE_POST, filter_sql.is_in("reply_root_uri"),
        (Parameter("root", "First post of the thread: AT-URI, or the URL at bsky.app. A leading - excludes."),),
        may_be_text=True,
    ),
    "quotes": FilterSpec(
        "quotes", ONE_POST, filter_sql.is_in("quote_uri"),
        (Parameter("quotes", "Quoted post: AT-URI, or the URL at bsky.app. A leading - excludes."),),
        may_be_text=True,
    ),
    "lang": FilterSpec(
        "lang", LANGUAGE, filter_sql.has_line("langs", r"(?:^|\n)(?:", r")(?:-|\n|$)"),
        (Parameter("lang", "Language of the post; pt matches pt-BR too. A leading - excludes."),),
    ),
    "tag": FilterSpec(
        "tag", HASHTAG, filter_sql.has_hashtag,
        (Parameter("tag", "Hashtag in any case, with or without #. A leading - excludes."),),
    ),
    "mention": FilterSpec(
        "mentions", ACCOUNT, filter_sql.has_element("mentions"),
        (Parameter("mention", "Mentioned account. A leading - excludes."),),
    ),
    "domain": FilterSpec(
        "domain", DOMAIN, filter_sql.has_line("domains", r"(?:^|[\n.])(?:", r")(?:\n|$)"),
        (Parameter("domain", "Domain of a link, its subdomains too. A leading - excludes."),),
    ),
    "url": FilterSpec(
        "url", LINK, filter_sql.has_line("links", r"(?:^|\n)(?:[a-z][a-z0-9+.-]*://)?(?:", r")"),
        (Parameter("url", "Link, or its beginning. A leading - excludes."),),
    ),
    "has": _choice(
        "has", "What the post carries.",
        {
            "image": "media IS NOT NULL AND list_contains(media, 'image')",
            "video": "media IS NOT NULL AND list_contains(media, 'video')",
            "link": "links IS NOT NULL AND len(links) > 0",
            "quote": "quote_uri IS NOT NULL",
            "alt": "alt IS NOT NULL AND len(alt) > 0",
            "text": "text IS NOT NULL AND text <> ''",
        },
    ),
    "is": _choice(
        "is", "What the post is.",
        {
            "reply": "reply_parent_uri IS NOT NULL",
            "original": "reply_parent_uri IS NULL AND quote_uri IS NULL",
            "quote": "quote_uri IS NOT NULL",
        },
    ),
    "label": FilterSpec(
        "label", LABEL, filter_sql.has_label,
        (
            Parameter(
                "label",
                "Label of a classifier: toxic, toxic>=0.7 (also > < <= =), toxic@model, lang=ja. A leading - excludes.",
            ),
        ),
    ),
    "self": FilterSpec(
        "self", SELF_LABEL, filter_sql.has_self_label,
        (Parameter("self", "Label that the author put on the post, in any case. A leading - excludes."),),
    ),
    "since": FilterSpec("since", START, filter_sql.at_time(">="), datasets=_ALL),
    "until": FilterSpec("until", END, filter_sql.at_time("<"), datasets=_ALL),
}  # fmt: skip


def check_filter(kind: str, values: tuple[str, ...], dataset: Dataset) -> None:
    """Raises QueryError when the dataset does not have the filter, or no such value."""
    spec = FILTERS[kind]
    if dataset.name not in spec.datasets:
        raise QueryError(f"is for {', '.join(spec.datasets)}: {dataset.name} have no {kind}")
    for fault in filter(None, (spec.fault(value, dataset) for value in values)):
        raise QueryError(fault)
