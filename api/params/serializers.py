"""What may be asked: parameters in, a Search out."""

from collections.abc import Mapping
from typing import Any

from api.params import tokens
from api.params.fields import Boolean, Choice, Excludable, Integer, Repeatable, Seed, Text, Timestamp, Value
from api.params.strict import Faults, StrictSerializer
from ingest.identifiers import DID, HANDLE, SUBJECT_URI
from lake.export.columns import column_names
from lake.flags.definitions import MAX_LIMIT
from lake.query import parser
from lake.query.filters import QueryError
from lake.query.spec import CLOCKS, Search
from lake.query.sql import check_dataset
from lake.query.tree import And, Filter, Node, Not
from lake.scan.hit import COMMON_FIELDS, FIELDS
from lake.schema import DATASETS
from lake.search.aggregates import BY, TOP
from lake.search.by_uri import POST_URI

MOST_SAMPLED = 100_000
MOST_SHOWN = 100  # characters of a wrong value that the answer repeats
MOST_SKIPPED = 100_000  # hits before a page by number: all of them are read

# Parameters that narrow, and the filters that they are.
NARROWING = {
    "username": "author",
    "did": "author",
    "subject": "subject",
    "lang": "lang",
    "tag": "tag",
    "mention": "mention",
    "domain": "domain",
    "url": "url",
    "has": "has",
    "is": "is",
}


class Params(StrictSerializer):
    """The parameters that every search has."""

    text = Text(
        what="search",
        default="",
        help_text='What to search for: words, "phrases", OR, -not, ( ), *, #tag, from:, lang: ...',
    )
    exact = Boolean(default=False, help_text="The whole of text is one phrase, bounded by non-letters.")
    dataset = Choice(list(DATASETS), default="posts", help_text="Kind of rows.")
    username = Excludable(
        Text(f"{DID}|@?{HANDLE}", "handle or DID, such as alice.bsky.social or did:plc:abc"),
        help_text="Author: handle or DID, with or without @.",
    )
    did = Excludable(Text(DID, "DID, such as did:plc:abc; a handle goes into username"), help_text="Author's DID.")
    subject = Excludable(
        Text(
            f"{DID}|{SUBJECT_URI}",
            "DID or AT-URI, such as did:plc:abc or at://did:plc:abc/app.bsky.feed.post/xyz",
        ),
        help_text="What a like, repost, follow or block is of, or a post replies to or quotes: AT-URI or DID.",
    )
    start = Timestamp(default=None, help_text="Date or date-time, UTC unless it says otherwise.")
    end = Timestamp(default=None, end_of_day=True, help_text="As start; a date includes that day.")
    clock = Choice(list(CLOCKS), default="seen", help_text="The clock of start, end and sort: server's or author's.")
    lang = Excludable(Value("lang"), help_text="Language of the post; pt matches pt-BR too. A leading - excludes.")
    tag = Excludable(Value("tag"), help_text="Hashtag, caseless, with or without #. A leading - excludes.")
    mention = Excludable(
        Text(f"{DID}|@?{HANDLE}", "handle or DID, such as alice.bsky.social or did:plc:abc"),
        help_text="Mentioned account. A leading - excludes.",
    )
    domain = Excludable(Value("domain"), help_text="Domain of a link, its subdomains too. A leading - excludes.")
    url = Excludable(Value("url"), help_text="Link, or its beginning. A leading - excludes.")
    has = Excludable(Choice(["image", "video", "link", "quote", "alt"]), help_text="What the post carries.")

    def get_fields(self) -> dict[str, Any]:
        """With `is`, which no attribute may be called."""
        found: dict[str, Any] = dict(super().get_fields())
        found["is"] = Excludable(Choice(["reply", "original", "quote"]), help_text="What the post is.")
        return found

    def contradictions(self, values: dict[str, Any]) -> Faults:
        """Leaves the tree of each parameter in `self.nodes`."""
        faults = super().contradictions(values)
        self.nodes: dict[str, Node] = {}
        for name in ("text", *NARROWING):
            try:
                self.nodes[name] = node = _node(name, values)
                check_dataset(node, DATASETS[values["dataset"]])
            except QueryError as error:
                faults[name] = [f"{error}."]
        if values["clock"] == "created" and values["dataset"] == "deletes":
            faults["clock"] = ["is seen for deletes: nobody says when he deleted."]
        return faults

    def to_search(self) -> Search:
        """Its query may still name handles."""
        values = self.validated_data
        return Search(
            And(tuple(node for node in self.nodes.values() if node != And(()))),
            values["dataset"],
            values["start"],
            values["end"],
            clock=values["clock"],
            newest=values.get("sort") != "oldest",
            hide=self.flags.hide_deleted,
            timeout=self.flags.query_timeout_seconds,
        )


class Rows(Params):
    """The parameters of what answers with rows."""

    sort = Choice(["newest", "oldest"], default="newest", help_text="By the clock, then did and rkey.")
    fields_ = Repeatable(Text(what="columns"), default=list, help_text="Columns wanted, separated by commas.")

    def get_fields(self) -> dict[str, Any]:
        """With `fields`, which no attribute may be called."""
        found = super().get_fields()
        found["fields"] = found.pop("fields_")
        return found

    def columns(self, dataset: str) -> list[str]:
        return columns(dataset)

    def contradictions(self, values: dict[str, Any]) -> Faults:
        """Leaves in `values` the columns wanted, by default all."""
        faults = super().contradictions(values)
        known = self.columns(values["dataset"])
        wanted = [name.strip() for names in values["fields"] for name in names.split(",") if name.strip()]
        if unknown := [name for name in wanted if name not in known]:
            faults["fields"] = [f"{unknown[0][:MOST_SHOWN]!r} is no column of {values['dataset']}: {', '.join(known)}."]
        values["fields"] = [name for name in known if name in wanted] or known
        if values["seed"] and not values["sample"]:
            faults["seed"] = ["is of a sample: say with sample how many hits."]
        return faults


class SearchParams(Rows):
    page = Integer(min_value=1, max_value=MOST_SKIPPED, default=1, help_text="From 1. A token goes further.")
    limit = Integer(
        min_value=1,
        max_value=MAX_LIMIT,
        default=None,
        help_text="Hits a page, by default 50.",
        error_messages={"max_value": "is more than {max_value}: go on with token, which meta.next gives."},
    )
    token = Text(
        what="token", default="", help_text="The next page: meta.next of the page before, with the same parameters."
    )
    total = Boolean(default=None, help_text="true: count as long as it takes; false: don't count.")
    sample = Integer(min_value=1, max_value=MAX_LIMIT, default=None, help_text="A random sample of so many hits.")
    seed = Seed(default="", help_text="Of the sample: the same seed, the same hits.")

    def contradictions(self, values: dict[str, Any]) -> Faults:
        faults = super().contradictions(values)
        flags = self.flags
        most = min(MAX_LIMIT, flags.result_limit_rows) if flags.result_limit else MAX_LIMIT
        values["limit"] = values["limit"] or min(flags.page_size, most)
        if values["limit"] > most:
            faults["limit"] = [f"is more than {most}: go on with token, which meta.next gives."]
        elif flags.result_limit and values["page"] * values["limit"] > flags.result_limit_rows:
            faults["page"] = [
                f"x limit is more than {flags.result_limit_rows}: go on with token, which meta.next gives."
            ]
        elif values["page"] * values["limit"] > MOST_SKIPPED:
            faults["page"] = [f"x limit is more than {MOST_SKIPPED}: go on with token, which meta.next gives."]
        if values["sample"] and (values["token"] or values["page"] > 1):
            faults["sample"] = ["is one page: leave page and token out."]
        if values["token"]:
            faults |= self._token(values)
        return faults

    def _token(self, values: dict[str, Any]) -> Faults:
        if values["page"] > 1:
            return {"page": ["goes not with token, which knows its place: leave it out."]}
        try:
            values["token"] = tokens.decode(values["token"], self.fingerprint)
        except tokens.BadToken as error:
            return {"token": [f"{error}."]}
        return {}

    @property
    def fingerprint(self) -> str:
        """Of the query: what a token is bound to."""
        return tokens.fingerprint(self.asked.values)


class ExportParams(Rows):
    format = Choice(["csv", "ndjson", "parquet"], default="csv", help_text="Of the file.")
    limit = Integer(min_value=1, default=None, help_text="Stop after so many rows.")
    excel = Boolean(default=False, help_text="CSV for spreadsheets: a byte order mark, and no cell is a formula.")
    sample = Integer(min_value=1, max_value=MOST_SAMPLED, default=None, help_text="A random sample of so many rows.")
    seed = Seed(default="", help_text="Of the sample: the same seed, the same rows.")

    def columns(self, dataset: str) -> list[str]:
        return column_names(dataset)

    def contradictions(self, values: dict[str, Any]) -> Faults:
        faults = super().contradictions(values)
        if values["excel"] and values["format"] != "csv":
            faults["excel"] = ["is for format=csv: leave one of them out."]
        return faults


class TimelineParams(Params):
    by = Choice(BY, default="day", help_text="Width of a bucket; weeks begin on Monday.")


class TopParams(Params):
    by = Choice(list(TOP), default="authors", help_text="What is counted; each value once a post.")
    limit = Integer(min_value=1, max_value=MAX_LIMIT, default=50, help_text="So many values.")

    def contradictions(self, values: dict[str, Any]) -> Faults:
        faults = super().contradictions(values)
        if values["dataset"] != "posts" and values["by"] != "authors":
            faults["by"] = [f"must be authors: {values['dataset']} have no {values['by']}."]
        return faults


class WindowParams(StrictSerializer):
    start = Timestamp(default=None, help_text="Date or date-time, UTC unless it says otherwise.")
    end = Timestamp(default=None, end_of_day=True, help_text="As start; a date includes that day.")


class PostsParams(StrictSerializer):
    uris = Repeatable(
        Text(POST_URI.pattern, "AT-URI of a post, such as at://did:plc:abc/app.bsky.feed.post/xyz"),
        min_length=1,
        help_text="AT-URIs of posts.",
    )


def columns(dataset: str) -> list[str]:
    """What a result of this dataset may have, in order."""
    return [*COMMON_FIELDS, *FIELDS[dataset], *(["url"] if dataset == "posts" else [])]


def _node(name: str, values: Mapping[str, Any]) -> Node:
    """Raises QueryError."""
    if name == "text":
        return parser.parse(values["text"], values["exact"])
    kind = NARROWING[name]
    wanted = tuple(value for excludes, value in values[name] if not excludes)
    unwanted = tuple(value for excludes, value in values[name] if excludes)
    return And((*([Filter(kind, wanted)] if wanted else ()), *([Not(Filter(kind, unwanted))] if unwanted else ())))
