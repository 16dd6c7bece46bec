"""Views: parse, call, answer."""

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import structlog
from django.http import StreamingHttpResponse
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.answers import csv_header, csv_rows, page_body
from api.asked import asked
from api.errors import request_id
from api.reader import reader
from api.serializers import ExportParams, SearchParams
from lake.search import Hit

log = structlog.get_logger("api")


class OneForm(BaseContentNegotiation):
    """JSON whatever the Accept header says. `format` is a parameter of the export, not of REST framework."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        return next(iter(parsers))


class View(APIView):
    """GET and HEAD; all else is a 405."""

    http_method_names = ["get", "head"]
    content_negotiation_class = OneForm


class SearchView(View):
    def get(self, request: Request) -> Response:
        started = time.monotonic()
        params = SearchParams(data=asked(request))
        params.is_valid(raise_exception=True)
        search = params.to_search()
        page = reader().find(search)
        return Response(page_body(page, search, time.monotonic() - started))


class ExportView(View):
    def get(self, request: Request) -> StreamingHttpResponse:
        params = ExportParams(data=asked(request))
        params.is_valid(raise_exception=True)
        pieces = reader().export(params.to_search())
        # The first rows are found before the answer begins, so that what fails at once is an error and no broken file.
        first = next(pieces, [])
        body = csv_body(chain([first], pieces), request_id(request)) if request.method == "GET" else iter(())
        response = StreamingHttpResponse(body, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="bluesky-posts-{datetime.now(UTC):%Y-%m-%d}.csv"'
        return response


def csv_body(pieces: Iterator[list[Hit]], request: str) -> Iterator[bytes]:
    """A failure ends it with an exception: the web server then breaks the connection, so that nobody takes the part
    for the whole. `request`: its id, for the log."""
    rows = 0
    outcome = "the client has gone"
    try:
        yield csv_header()
        for hits in pieces:
            yield csv_rows(hits)
            rows += len(hits)
        outcome = "complete"
    except Exception:
        outcome = "broken"
        log.exception("export broken", request_id=request)
        raise
    finally:
        log.info("export", request_id=request, rows=rows, outcome=outcome)
