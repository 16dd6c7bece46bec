"""Views: parse, call, answer."""

import time
from datetime import UTC, datetime
from itertools import chain

from django.http import StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.answers import csv_lines, result
from api.reader import reader
from api.serializers import CsvExportParams, SearchParams


class SearchView(APIView):
    def get(self, request: Request) -> Response:
        started = time.monotonic()
        params = SearchParams(data=request.query_params)
        params.is_valid(raise_exception=True)
        search = params.to_search()
        page = reader().find(search)
        return Response(
            {
                "results": [result(hit) for hit in page.hits],
                "meta": {
                    "count": len(page.hits),
                    "total": page.total,
                    "total_relation": page.total_relation,
                    "page": params.validated_data["page"],
                    "limit": search.limit,
                    "next": None,
                    "complete": page.complete,
                    "searched_to": page.searched_to,
                    "hidden": page.hidden,
                    "took_ms": round((time.monotonic() - started) * 1000),
                    "query": str(search.query),
                },
            }
        )


class ExportView(APIView):
    def get(self, request: Request) -> StreamingHttpResponse:
        params = CsvExportParams(data=request.query_params)
        params.is_valid(raise_exception=True)
        lines = csv_lines(reader().walk(params.to_search()))
        # The first rows are found before the answer begins, so that what fails at once is an error and no broken file.
        body = chain([next(lines)], lines)
        response = StreamingHttpResponse(body, content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="bluesky-posts-{datetime.now(UTC):%Y-%m-%d}.csv"'
        return response
