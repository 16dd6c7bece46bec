"""The parameters of what is answered beside pages and exports: counts, posts by their URIs, threads, authors."""

from typing import Any

from api.params.fields import Choice, Integer, Repeatable, Value
from api.params.pseudonyms import PseudonymParams
from api.params.query import QueryParams
from api.params.strict import Faults, StrictSerializer
from lake.flags.definitions import MAX_LIMIT
from lake.query.filter_values import ACCOUNT, ONE_POST, POST
from lake.query.tree import And, conjunction_of
from lake.search.aggregates import BY, OF, TOP


class TimelineParams(QueryParams):
    by = Choice(BY, default="day", help_text="Width of a bucket; weeks begin on Monday.")
    of = Choice(OF, default="all", help_text="What `all` counts: all rows, or those in the languages asked for.")

    def combined(self, values: dict[str, Any]) -> tuple[dict[str, Any], Faults]:
        values, faults = super().combined(values)
        if (
            values["of"] == "lang"
            and not faults
            and not conjunction_of(And((values["text"], values["lang"])), "lang").nodes
        ):
            faults["of"] = ["needs a language: add lang, or lang: to text."]
        return values, faults


class TopParams(QueryParams):
    by = Choice(list(TOP), default="authors", help_text="What is counted; each value once a post.")
    limit = Integer(min_value=1, max_value=MAX_LIMIT, default=50, help_text="So many values.")

    def combined(self, values: dict[str, Any]) -> tuple[dict[str, Any], Faults]:
        values, faults = super().combined(values)
        if values["dataset"] != "posts" and values["by"] != "authors":
            faults["by"] = [f"must be authors: {values['dataset']} have no {values['by']}."]
        return values, faults


class PostsParams(PseudonymParams):
    uris = Repeatable(
        child=Value(POST),
        help_text="AT-URIs of posts, or their URLs at bsky.app.",
    )


class AuthorParams(StrictSerializer):
    username = Value(
        ACCOUNT,
        error_messages={"required": "is required: a handle, a DID, or the URL of a profile at bsky.app."},
        help_text="An author: handle, with or without @, DID, or the profile's URL at bsky.app.",
    )


class ThreadParams(PseudonymParams):
    uri = Value(
        ONE_POST,
        error_messages={"required": "is required: the AT-URI of a post, or its URL at bsky.app."},
        help_text="AT-URI of any post of the thread, or its URL at bsky.app.",
    )
