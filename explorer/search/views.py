"""The page of hits, and the hits alone."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.utils.safestring import SafeString, mark_safe
from rest_framework.request import Request

from api.answers.analysis import span
from api.answers.errors import TIMEOUTS, Problem
from api.answers.page import answer_page
from api.params.request_values import RequestValues
from api.params.strict import StrictSerializer
from api.views.queries import CoverageView, SearchView
from explorer.page_view import PageResponse
from explorer.search import empty
from explorer.search.address import Address
from explorer.search.examples import EXAMPLES, OPERATORS
from explorer.search.form import LAST, form, since
from explorer.search.hits import to_hit
from explorer.search.late import FACETS, PARTS
from explorer.search.part import OfSearch, Part

PATIENCE = 1.0  # second that a browser waits for a page; what takes longer goes on below its head


class Hits(OfSearch, SearchView):
    """Hits without their number, which arrives later."""

    seconds = PATIENCE

    def answer(self, values: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        return answer_page({**values, "total": False}, self.flags, deadline)

    def own(self, kind: type[StrictSerializer]) -> RequestValues:
        """All columns: those that the URL chooses are for the download."""
        values = super().own(kind)
        return values._replace(values={name: texts for name, texts in values.values.items() if name != "fields"})

    def shown(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What templates/explorer/results.html shows."""
        meta, address = body["meta"], self.address
        before = (meta["page"] - 1) * meta["limit"]
        last = meta["next"] is None and meta["complete"]
        return {
            "hits": [to_hit(row) for row in body["results"]],
            "meta": meta,
            "oldest_first": address.first("sort") == "oldest",
            "first": before + 1,
            "last": before + meta["count"],
            "all": before + meta["count"] if last and meta["page"] == 1 else None,
            "next": meta["next"] and _own(address.having(), token=meta["next"]).at(),
            "go_on": meta["next"]
            and _own(address.having(), token=meta["next"], longer="true").at("/fragments/results"),
            "previous": self._previous(meta["page"], meta["limit"]),
            "permalink": meta["as_of"] and address.having(as_of=meta["as_of"]).at(),
            "empty": self._empty(body),
        }

    def _previous(self, page: int, limit: int) -> str | None:
        """By its number, as far as numbers go; else the first."""
        if page < 2:
            return None
        reachable = not self.flags.result_limit or (page - 1) * limit <= self.flags.result_limit_rows
        return _own(self.address.having(), page=str(page - 1) if reachable and page > 2 else "").at()

    def _empty(self, body: Mapping[str, Any]) -> dict[str, Any] | None:
        meta, values = body["meta"], self.window
        if body["results"] or not meta["complete"] or meta["page"] > 1:
            return None
        covered = CoverageView().answer(values, 0)
        held = span(self.address.first("dataset") or "posts")
        return {
            "reasons": list(empty.reasons(meta["hidden"], covered, held)),
            "advice": empty.advice(self.address),
        }

    @property
    def window(self) -> dict[str, Any]:
        """The dates asked for, by the server's clock."""
        params = self.validated(CoverageView.params, self.request)
        return dict(params.validated_data)


class Results(Part, Hits):
    """Hits alone: of a search that takes longer than its page may, and of one that goes on."""

    title = "Results"

    def get(self, request: Request) -> HttpResponseBase:
        body = self.answered(request)
        response = self.html("explorer/results.html", {**self.shown(body), "part": True})
        response.data = body
        return response


class SearchPage(Hits):
    section = "search"

    def get(self, request: Request) -> HttpResponseBase:
        if target := self._tidied():
            return HttpResponseRedirect(target)
        body = self.answered(request)
        response = self._whole({**self.shown(body), "notes": body["meta"]["notes"]})
        response.data = body
        return response

    def failed(self, told: Problem) -> PageResponse:
        """With the form, so that what is wrong can be mended. A search without a hit in time goes on in the page."""
        if told.status in (401, 429) or told.code == "lake_unavailable":
            return super().failed(told)
        if told.code in TIMEOUTS and not self.patient:
            return self._whole({"waits": True})
        return self._whole({"problem": told}, told.status)

    def _whole(self, context: Mapping[str, Any], status: int = 200) -> PageResponse:
        address, asked = self.address, self.values.values.get("with", [])
        parts = {} if "problem" in context else self._embedded(asked)
        own: dict[str, Any] = {
            "form": form(address),
            "fresh": not address.values,
            "oldest_first": address.first("sort") == "oldest",
            "links": _links(address),
            "examples": EXAMPLES,
            "operators": OPERATORS,
            "parts": parts,
            "facets": [_facet(address, by, parts) for by in FACETS],
        }
        return self.html("explorer/search.html", {**own, **context}, status)

    def _embedded(self, asked: list[str]) -> dict[str, SafeString]:
        """Parts that a browser without scripts asks for are in the page."""
        return {
            name: _content(view.as_view()(self.request._request, **arguments))
            for name, (group, view, arguments) in PARTS.items()
            if group in asked
        }

    def _tidied(self) -> str | None:
        """Where a form's empty fields, and dates that count from now, become a permalink."""
        values = self.values.values
        last = values.get("last", [""])[0]
        if last in LAST:
            return self.address.having(start=since(last, datetime.now(UTC)), end="").at()
        if values and not self.values.faults and any("" in texts for texts in values.values()):
            return self.address.at()
        return None


def _links(address: Address) -> dict[str, str]:
    """To the parts, to the page with a part in it, and to the other order."""
    return {
        **{name: address.at(f"/fragments/{name}") for name in ("count", "coverage", "timeline", "download")},
        "results": _own(address, longer="true").at("/fragments/results"),
        "longer": _own(address, longer="true").at(),
        "with_counts": _own(address, **{"with": "counts"}).at(),
        "with_download": _own(address, **{"with": "download"}).at(),
        "newest": address.having(sort="").at(),
        "oldest": address.having(sort="oldest").at(),
    }


def _own(address: Address, **values: str) -> Address:
    """With parameters of the page alone."""
    return Address.of({**address.values, **{name: (text,) for name, text in values.items()}})


def _facet(address: Address, by: str, parts: Mapping[str, SafeString]) -> dict[str, Any]:
    return {"by": by, "href": address.at(f"/fragments/top/{by}"), "part": parts.get(by)}


def _content(response: HttpResponseBase) -> SafeString:
    assert isinstance(response, HttpResponse)
    return mark_safe(response.content.decode())  # noqa: S308 - rendered by our own templates a moment ago
