"""The page of a thread."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponseBase
from rest_framework.request import Request

from api.views.queries import ThreadView
from explorer.context.page import ContextPage
from explorer.context.tree import items
from explorer.search.hits import to_hit


class ThreadPage(ContextPage, ThreadView):
    http_method_names = ["get", "head"]
    template = "explorer/thread.html"

    def get(self, request: Request) -> HttpResponseBase:
        if not self.given.values:
            return self.shown({})
        body = self.answered(request)
        meta: dict[str, Any] = body["meta"]
        response = self.shown(
            {
                "items": items(body["root"]),
                "quotes": [to_hit(row) for row in body["quotes"]],
                "meta": meta,
                "all_replies": _search(subject=meta["root"], **{"is": "reply"}, sort="oldest"),
                "all_quotes": _search(subject=meta["asked"], **{"is": "quote"}),
            }
        )
        response.data = body
        return response


def _search(**asked: str) -> str:
    return f"/?{urlencode(asked)}"
