"""The page of those who liked or reposted a post."""

from urllib.parse import urlencode

from django.http import HttpResponseBase
from rest_framework.request import Request

from api.access.concurrency import slot
from api.answers import analysis
from api.params.analysis import ThreadParams
from explorer.context.page import ContextPage
from explorer.search.hits import to_hit

KINDS = {"likes": "liked it", "reposts": "reposted it"}
A_PAGE = "50"


class InteractionsPage(ContextPage):
    """`kind`: whose page is shown, likes or reposts. `token`: of a further page."""

    template = "explorer/interactions.html"
    besides = ("kind", "token")

    def get(self, request: Request) -> HttpResponseBase:
        if not self.given.values:
            return self.shown({})
        asked = self.validated(ThreadParams, request).validated_data["uri"]
        kind = self.first("kind") if self.first("kind") in KINDS else "likes"
        with slot("search"):
            found = analysis.posts({"uris": [asked]}, self.flags)
        pages = {
            name: self.hits_of(dataset=name, subject=asked, limit=A_PAGE, token=self.first("token"))
            if name == kind
            else self.hits_of(dataset=name, subject=asked, limit="1")
            for name in KINDS
        }
        following = pages[kind]["meta"]["next"]
        return self.shown(
            {
                "post": next(map(to_hit, found["results"]), None),
                "kinds": [
                    (name, name == kind, KINDS[name], page["meta"], _at(asked, name)) for name, page in pages.items()
                ],
                "doing": KINDS[kind],
                "people": [to_hit(row) for row in pages[kind]["results"]],
                "meta": pages[kind]["meta"],
                "next": following and _at(asked, kind, following),
                "first": _at(asked, kind) if self.first("token") else None,
                "thread": f"/thread?{urlencode({'uri': asked})}",
            }
        )


def _at(uri: str, kind: str, token: str = "") -> str:
    return f"/interactions?{urlencode({'uri': uri, 'kind': kind, **({'token': token} if token else {})})}"
