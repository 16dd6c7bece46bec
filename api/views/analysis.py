"""Views beside the search: counts over time, what occurs most, posts by their URIs, and what the lake holds."""

import time
from abc import ABC, abstractmethod
from typing import Any

from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from api.access.concurrency import slot
from api.answers.reader import reader
from api.answers.rows import to_results
from api.answers.usernames import handle_lookup, usernames, with_dids
from api.params.request_values import read_request
from api.params.serializers import Params, PostsParams, TimelineParams, TopParams, WindowParams, columns
from api.params.strict import StrictSerializer
from api.schema.endpoints import COVERAGE, POSTS, STATS, TIMELINE, TOP
from api.schema.openapi import described
from api.views.view import View
from lake.catalog.coverage import coverage
from lake.catalog.statistics import stats
from lake.query.rendering import render
from lake.scan.snapshot import pin_snapshot
from lake.search import aggregates, by_uri
from process.instants import iso_us


class Analysis(View, ABC):
    """GET or POST of the parameters of a search and a few more."""

    http_method_names = ["get", "head", "post"]
    params: type[StrictSerializer]

    def get(self, request: Request) -> Response:
        started = time.monotonic()
        params = self.params(data=read_request(request), context={"flags": self.flags})
        params.is_valid(raise_exception=True)
        with slot("search"):
            body = self.body(params)
        body["meta"]["took_ms"] = round((time.monotonic() - started) * 1000)
        return Response(body)

    post = get

    @abstractmethod
    def body(self, params: Any) -> dict[str, Any]: ...


@described(TimelineParams, TIMELINE)
class TimelineView(Analysis):
    params = TimelineParams

    def body(self, params: TimelineParams) -> dict[str, Any]:
        by = params.validated_data["by"]
        try:
            buckets = aggregates.timeline(reader().full_scan, pin_snapshot(with_dids(params.to_search())), by)
        except aggregates.TooManyBuckets as error:
            raise ValidationError({"by": [f"{error}."]}) from error
        rows = [{"start": iso_us(bucket.start_us), "hits": bucket.hits, "all": bucket.all} for bucket in buckets]
        sums = {name: sum(row[name] for row in rows) for name in ("hits", "all")}  # type: ignore[misc]
        return {"results": rows, "meta": {"by": by, **sums, "query": _rendered(params)}}


@described(TopParams, TOP)
class TopView(Analysis):
    params = TopParams

    def body(self, params: TopParams) -> dict[str, Any]:
        values = params.validated_data
        search = pin_snapshot(with_dids(params.to_search()))
        counted, distinct = aggregates.top(reader().full_scan, search, values["by"], values["limit"])
        names = handle_lookup().names([value for value, _ in counted]) if values["by"] == "authors" else {}
        rows = [{"value": value, "hits": rows, **_username(values["by"], names, value)} for value, rows in counted]
        return {"results": rows, "meta": {"by": values["by"], "distinct": distinct, "query": _rendered(params)}}


@described(PostsParams, POSTS)
class PostsView(Analysis):
    """POST only: the list is long."""

    http_method_names = ["post"]
    params = PostsParams

    def body(self, params: PostsParams) -> dict[str, Any]:
        asked_for = list(dict.fromkeys(params.validated_data["uris"]))
        found = by_uri.look_up(reader().scanner, asked_for, self.flags.query_timeout_seconds)
        return {
            "results": to_results(found.hits, usernames(found.hits), columns("posts")),
            "meta": {
                "asked": len(asked_for),
                "found": len(found.hits),
                "deleted": found.deleted,
                "hidden": [{"id": uri, "account": status} for uri, status in found.hidden.items()],
                "unknown": found.unknown,
                "complete": found.complete,
            },
        }


@described(WindowParams, STATS)
class StatsView(Analysis):
    params = WindowParams

    def body(self, params: WindowParams) -> dict[str, Any]:
        return {**stats(**params.validated_data), "meta": {}}


@described(WindowParams, COVERAGE)
class CoverageView(Analysis):
    params = WindowParams

    def body(self, params: WindowParams) -> dict[str, Any]:
        return {**coverage(**params.validated_data), "meta": {}}


def _rendered(params: Params) -> str:
    return render(params.nodes["text"])


def _username(by: str, names: dict[str, str], did: str) -> dict[str, str | None]:
    return {"username": names.get(did)} if by == "authors" else {}
