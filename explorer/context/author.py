"""The page of an author: the profile, how many posts a day, and the newest ones."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseBase
from django.utils.safestring import SafeString, mark_safe
from rest_framework.request import Request

from api.answers.usernames import uris_with_dids
from api.params.analysis import AuthorParams
from explorer.context.page import ContextPage
from explorer.search.hits import short_did, to_hit
from explorer.search.late import Timeline

NEWEST = "20"


class AuthorPage(ContextPage):
    """`with=counts`: with the timeline, for browsers without scripts."""

    template = "explorer/author.html"
    asks = "username"
    besides = ("with",)

    def get(self, request: Request) -> HttpResponseBase:
        if not self.given.values:
            return self.shown({})
        asked = self.validated(AuthorParams, request).validated_data["username"]
        (did,) = uris_with_dids([asked], self.flags.query_timeout_seconds)
        posts = self.hits_of(did=did, limit=NEWEST)
        profile = self._newest("profiles", did)
        account = self._newest("accounts", did)
        name = next((row["username"] for row in (*posts["results"], profile, account) if row and row["username"]), None)
        return self.shown(
            {
                "did": did,
                "name": f"@{name}" if name else short_did(did),
                "profile": profile,
                "inactive": account and account["active"] is False and (account["status"] or "inactive"),
                "hits": [to_hit(row) for row in posts["results"]],
                "meta": posts["meta"],
                "timeline": self._timeline() if self.first("with") == "counts" else None,
                "links": _links(did),
            }
        )

    def _newest(self, dataset: str, did: str) -> dict[str, Any] | None:
        rows = self.hits_of(dataset=dataset, did=did, limit="1", total="false")["results"]
        return rows[0] if rows else None

    def _timeline(self) -> SafeString:
        response: HttpResponseBase = Timeline.as_view()(self.request._request)
        assert isinstance(response, HttpResponse)
        return mark_safe(response.content.decode())  # noqa: S308 - rendered by our own template a moment ago


def _links(did: str) -> dict[str, str]:
    asked = {
        "timeline": ("/fragments/timeline", {"did": did, "by": "day"}),
        "with_counts": ("/author", {"username": did, "with": "counts"}),
        "posts": ("/", {"did": did}),
        "likes": ("/", {"dataset": "likes", "did": did}),
        "followers": ("/", {"dataset": "follows", "subject": did}),
        "mentions": ("/", {"mention": did}),
    }
    return {name: f"{path}?{urlencode(query)}" for name, (path, query) in asked.items()}
