"""The parameters of what is answered beside pages and exports: counts, posts by their URIs, threads, authors."""

from typing import Any

from api.params import tokens
from api.params.fields import SHOWN, Choice, Integer, Repeatable, Text, Value
from api.params.pseudonyms import PseudonymParams
from api.params.query import QueryParams
from api.params.strict import Faults, StrictSerializer
from lake.export.columns import joint_names
from lake.query.filter_values import ACCOUNT, ONE_POST, POST, RECORD
from lake.query.tree import And, conjunction_of
from lake.schema import DATASETS, dataset_of
from lake.search.aggregates import BY, OF, TOP, counted_in
from lake.search.split_timeline import MOST_SERIES, SPLITS

MAX_TOP = 100_000  # values of one answer


class TimelineParams(QueryParams):
    by = Choice(BY, default="day", help_text="Width of a bucket; weeks begin on Monday.")
    of = Choice(OF, default="all", help_text="What `all` counts: all rows, or those in the languages asked for.")

    split = Choice(list(SPLITS), default=None, help_text="One series for each author, lang, tag, label or term.")
    series = Integer(
        min_value=1, max_value=MOST_SERIES, default=100, help_text="With split: so many values, those with most hits."
    )

    def combined(self, values: dict[str, Any]) -> tuple[dict[str, Any], Faults]:
        values, faults = super().combined(values)
        split = values["split"]
        if split not in (None, "author") and values["dataset"] != "posts":
            faults["split"] = [f"must be author: {values['dataset']} have no {split}."]
        if split == "term" and not faults and not values["terms"]:
            faults["split"] = ["needs words: add text or any."]
        if (
            values["of"] == "lang"
            and not faults
            and not conjunction_of(And((values["text"], values["lang"])), "lang").nodes
        ):
            faults["of"] = ["needs a language: add lang, or lang: to text."]
        return values, faults


class TopParams(QueryParams):
    by = Choice(list(TOP), default="authors", help_text="What is counted; each value once a post; labels: their names.")
    limit = Integer(min_value=1, max_value=MAX_TOP, default=50, help_text="So many values.")
    token = Text("token", default="", help_text="The next values: meta.next of the answer before.")

    def combined(self, values: dict[str, Any]) -> tuple[dict[str, Any], Faults]:
        values, faults = super().combined(values)
        known = counted_in(DATASETS[values["dataset"]])
        if values["by"] not in known:
            faults["by"] = [f"must be {' or '.join(known)}: {values['dataset']} have no {values['by']}."]
        values["fingerprint"] = tokens.fingerprint(self.given())
        text, values["after"] = values["token"], None
        try:
            values["after"] = tokens.decode_place(text, values["fingerprint"]) if text else None
        except tokens.BadToken as error:
            faults["token"] = [f"{error}."]
        return values, faults


class PostsParams(PseudonymParams):
    uris = Repeatable(
        child=Value(POST),
        help_text="AT-URIs of posts, or their URLs at bsky.app.",
    )


class _Uris(Repeatable):
    most = 100_000


class RowsByUriParams(PseudonymParams):
    uris = _Uris(child=Value(RECORD), help_text="AT-URIs of records of any dataset, or URLs of posts at bsky.app.")
    format = Choice(["json", "ndjson", "csv", "parquet"], default="json", help_text="Of the answer.")

    def get_fields(self) -> dict[str, Any]:
        """With `fields`, which would hide an attribute of serializers."""
        fields = Repeatable(child=Text("columns"), default=list, help_text="Columns to return, separated by commas.")
        return super().get_fields() | {"fields": fields}

    def combined(self, values: dict[str, Any]) -> tuple[dict[str, Any], Faults]:
        """`fields` becomes the columns of the datasets that the URIs are of, by default all."""
        values, faults = super().combined(values)
        collections = {uri.split("/")[3] for uri in values["uris"] or ()}
        datasets = {dataset_of("create", collection) for collection in collections}
        known = joint_names([name for name in DATASETS if name in datasets])
        chosen = [name.strip() for names in values["fields"] for name in names.split(",") if name.strip()]
        if datasets and (unknown := [name for name in chosen if name not in known]):
            faults["fields"] = [f"{unknown[0][:SHOWN]!r} is not a column of these records: {', '.join(known)}."]
        return values | {"fields": [name for name in known if name in chosen] or known}, faults


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
