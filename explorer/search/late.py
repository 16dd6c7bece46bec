"""What arrives after the page: how many hits there are, when, whose, how complete the data are, and the download."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.http import HttpResponseBase
from rest_framework.request import Request

from api.answers import analysis
from api.answers.page import answer_page
from api.params.analysis import TimelineParams
from api.params.request_values import RequestValues
from api.params.strict import StrictSerializer
from api.views.exports import ManifestView
from api.views.queries import CoverageView, SearchView, TimelineView, TopView
from explorer.search import chart
from explorer.search.hits import short_did
from explorer.search.languages import language
from explorer.search.part import Part
from explorer.search.recipes import recipes

FACETS = {"authors": "did", "hashtags": "tag", "domains": "domain", "languages": "lang"}  # the filter of each
TOP = 8
DOWNLOADED = ("csv", "ndjson", "parquet")


class Count(Part, SearchView):
    """How many hits there are: a lower bound when counting takes long."""

    title = "Number of posts"
    query = ""  # the search was measured with its page, the count is measured as one

    def answer(self, values: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        own = {"page": 1, "token": None, "total": True, "sample": None}
        return answer_page({**values, **own}, self.flags, deadline)

    def get(self, request: Request) -> HttpResponseBase:
        meta = self.answered(request)["meta"]
        return self.html("explorer/count.html", {"meta": meta, "again": self.again(longer="true")})


class Timeline(Part, TimelineView):
    title = "Timeline"

    def own(self, kind: type[StrictSerializer]) -> RequestValues:
        values = super().own(kind)
        if kind is not TimelineParams:
            return values
        by = self.values.values.get("by", [])[:1]
        return values._replace(values={**values.values, "by": by or [chart.width(self.window, self._clock)]})

    def get(self, request: Request) -> HttpResponseBase:
        body = self.answered(request)
        by = body["meta"]["by"]
        bars = chart.bars(body["results"], by, self.address)
        return self.html(
            "explorer/timeline.html",
            {
                **chart.summary(bars),
                "more": len(body["results"]) - len(bars),
                "by": by,
                "widths": [(name, self.again(by=name)) for name in chart.WIDTHS],
                "bars": bars,
                "narrow": self.address.having(start="", end="").at(),
            },
        )

    @property
    def _clock(self) -> str:
        return self.address.first("clock") or "seen"

    @property
    def window(self) -> tuple[datetime, datetime] | None:
        """The dates asked for, as far as the lake has any."""
        dates = super().validated(CoverageView.params, self.request).validated_data
        held = analysis.span(self.address.first("dataset") or "posts")
        return held and (dates["start"] or held[0], dates["end"] or held[1])


class Top(Part, TopView):
    """The values with most hits, each to include or to exclude."""

    title = "Most frequent values"

    def own(self, kind: type[StrictSerializer]) -> RequestValues:
        """Of all hits: the token is of a page of them."""
        values = super().own(kind)
        given = {name: texts for name, texts in values.values.items() if name != "token"}
        return values._replace(values={**given, "by": [self.kwargs["by"]], "limit": [str(TOP)]})

    def get(self, request: Request, **_: str) -> HttpResponseBase:
        by, body = self.kwargs["by"], self.answered(request)
        most = max((row["hits"] for row in body["results"]), default=1)
        rows = [self._facet(row, FACETS[by], most) for row in body["results"]]
        return self.html("explorer/top.html", {"by": by, "rows": rows, "distinct": body["meta"]["distinct"]})

    def _facet(self, row: Mapping[str, Any], name: str, most: int) -> dict[str, Any]:
        value = row["value"]
        chosen = value in self.address.all(name)
        return {
            "shown": _shown(row, name),
            "value": value,
            "hits": row["hits"],
            "width": round(100 * row["hits"] / most, 1),
            "chosen": chosen,
            "include": (self.address.removing(name, value) if chosen else self.address.including(name, value)).at(),
            "exclude": self.address.excluding(name, value).at(),
        }


class Coverage(Part, CoverageView):
    title = "Completeness"

    def get(self, request: Request) -> HttpResponseBase:
        covered = self.answered(request)
        share = 100 * covered["minutes_with_data"] / covered["minutes"] if covered["minutes"] else None
        context = {"covered": covered, "share": share, "segments": chart.segments(covered)}
        return self.html("explorer/coverage.html", {**context, "clock": self.address.first("clock")})


class Download(Part, ManifestView):
    """How many rows the file would have, and the ways to get it."""

    title = "Download"
    seconds = 30.0

    def get(self, request: Request) -> HttpResponseBase:
        manifest = self.described(request)
        # As of the moment that was counted: the file has the rows that the page speaks of, also tomorrow.
        address = self.address.without("page", "token", "total", "limit").having(as_of=manifest["as_of"] or "")
        export = self.request.build_absolute_uri(address.at("/export"))
        covered = manifest["coverage"]
        return self.html(
            "explorer/download.html",
            {
                "manifest": manifest,
                "covered": covered,
                "missing": covered["minutes"] - covered["minutes_with_data"],
                "files": [(form, address.having(format=form).at("/export")) for form in DOWNLOADED],
                "manifest_url": address.at("/export/manifest"),
                "recipes": recipes(export, needs_key=not self.flags.anonymous_access),
                "enabled": self.flags.export_enabled,
            },
        )

    def own(self, kind: type[StrictSerializer]) -> RequestValues:
        values = super().own(kind)
        return values._replace(values={name: texts for name, texts in values.values.items() if name != "limit"})


def _shown(row: Mapping[str, Any], name: str) -> str:
    if name == "did":
        return f"@{row['username']}" if row["username"] else short_did(row["value"])
    return language(row["value"]) if name == "lang" else f"#{row['value']}" if name == "tag" else str(row["value"])


# By the name that templates/explorer/search.html gives them: which `with` puts them into the page, their view.
PARTS: dict[str, tuple[str, type[Part], dict[str, str]]] = {
    "count": ("counts", Count, {}),
    "timeline": ("counts", Timeline, {}),
    "coverage": ("counts", Coverage, {}),
    **{by: ("counts", Top, {"by": by}) for by in FACETS},
    "download": ("download", Download, {}),
}
