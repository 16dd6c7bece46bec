"""The parameters of a page of hits."""

from typing import Any

from api.params import tokens
from api.params.fields import Boolean, Choice, Integer, Seed, Text
from api.params.query import RowsParams
from api.params.strict import Faults
from lake.export.columns import MATCHED
from lake.flags.definitions import MAX_LIMIT, Flags
from lake.search.sample import PER

MAX_SKIPPED = 100_000  # hits before a page by number: all of them are read
MATCHES = "matches"  # a column of posts: where the query is in the text
_CONTINUE = "continue with token, from meta.next."


class SearchParams(RowsParams):
    page = Integer(min_value=1, max_value=MAX_SKIPPED, default=1, help_text="From 1. A token goes further.")
    limit = Integer(
        min_value=1,
        max_value=MAX_LIMIT,
        default=None,
        help_text="Hits a page, by default 50.",
        error_messages={"max_value": f"is more than {{max_value}}: {_CONTINUE}"},
    )
    token = Text(
        "token", default="", help_text="The next page: meta.next of the page before, with the same parameters."
    )
    total = Boolean(default=None, help_text="true: count as long as it takes; false: don't count.")
    sample = Integer(min_value=1, max_value=MAX_LIMIT, default=None, help_text="A random sample of so many hits.")
    seed = Seed(default="", help_text="Of the sample: the same seed, the same hits.")
    sample_per = Choice(PER, default=None, help_text="A sample of each of these; weeks begin on Monday.")

    def columns(self, dataset: str) -> list[str]:
        return [*super().columns(dataset), *([MATCHES, MATCHED] if dataset == "posts" else [])]

    def combined(self, values: dict[str, Any]) -> tuple[dict[str, Any], Faults]:
        """`token` becomes a Token, None without one; `fingerprint` is what the token of the next page is bound to."""
        values, faults = super().combined(values)
        values["limit"] = values["limit"] or min(self.flags.page_size, _max_limit(self.flags))
        values["fingerprint"] = tokens.fingerprint(self.given())
        text, values["token"] = values["token"], None
        faults |= _page_faults(values["page"], values["limit"], self.flags)
        if values["sample"] and (text or values["page"] > 1):
            faults["sample"] = ["gives a single page: leave out page and token."]
        if text and values["page"] > 1:
            faults["page"] = ["can't be combined with token, which is of one page: leave it out."]
        elif text:
            try:
                values["token"] = tokens.decode(text, values["fingerprint"], values["dataset"])
            except tokens.BadToken as error:
                faults["token"] = [f"{error}."]
        return values, faults


def _max_limit(flags: Flags) -> int:
    return min(MAX_LIMIT, flags.result_limit_rows) if flags.result_limit else MAX_LIMIT


def _page_faults(page: int, limit: int, flags: Flags) -> Faults:
    reachable = flags.result_limit_rows if flags.result_limit else MAX_SKIPPED
    if limit > _max_limit(flags):
        return {"limit": [f"is more than {_max_limit(flags)}: {_CONTINUE}"]}
    if page * limit > min(reachable, MAX_SKIPPED):
        return {"page": [f"x limit is more than {min(reachable, MAX_SKIPPED)}: {_CONTINUE}"]}
    return {}
