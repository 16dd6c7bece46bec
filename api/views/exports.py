"""Views of exports: all hits of a search as a file, and its manifest before and after."""

import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from api.access.concurrency import slot
from api.access.throttling import caller
from api.answers.errors import request_id
from api.answers.export import asked_by, continue_download, new_manifest, new_spec, start_download, with_coverage
from api.answers.listed_rows import json_rows, rows_download
from api.answers.reader import reader
from api.params import byte_range
from api.params.analysis import RowsByUriParams
from api.params.export import ExportParams, MadeParams
from api.params.request_values import LONG_BODY
from api.schema.endpoints import EXPORT, MADE, MANIFEST, ROWS
from api.schema.openapi import JSON
from api.views.measured import at_end
from api.views.view import View
from lake.delivery import counts, record
from lake.delivery.download import Download, Ended
from lake.delivery.methods import methods_section
from lake.export.formats import MEDIA_TYPES


@EXPORT
class ExportView(View):
    http_method_names = ["get", "head", "post"]
    query = "export"

    def get(self, request: Request) -> StreamingHttpResponse:
        started = time.monotonic()
        params = self.validated(ExportParams, request)
        if not self.flags.export_enabled:
            raise PermissionDenied("Exports are switched off; search still works.", "export_disabled")
        if request.method == "HEAD":
            return _file_response(params.validated_data, iter(()))
        with slot("export") as held:
            download = self._download(params, request, at_end(params.validated_data["format"], started))
            response = _file_response(params.validated_data, held.over(download))
        _describe(response, download)
        return response

    post = get

    def _download(self, params: ExportParams, request: Request, ended: Ended) -> Download:
        """The rest of what the client has the beginning of, if it may go on, else the whole."""
        asked = asked_by(params, caller(request))
        first, body = byte_range.first_byte(request.META.get("HTTP_RANGE", "")), request.META.get("HTTP_IF_RANGE", "")
        rest = None
        if first and (not body or (body := byte_range.named(body))):
            rest = continue_download(params, asked, first, body, request_id(request), ended)
        return rest or start_download(params, asked, request_id(request), ended)


@ROWS
class RowsView(View):
    """POST only: its lists are long."""

    http_method_names = ["post"]
    query = "rows"
    longest = LONG_BODY

    def post(self, request: Request) -> HttpResponseBase:
        started = time.monotonic()
        values = self.validated(RowsByUriParams, request).validated_data
        if values["format"] == "json":
            with slot("export") as held:
                rows = json_rows(values, self.flags, started)
                return StreamingHttpResponse(held.over(rows), content_type=JSON)
        if not self.flags.export_enabled:
            raise PermissionDenied("Exports are switched off; format=json still works.", "export_disabled")
        with slot("export") as held:
            download = rows_download(values, self.flags, request_id(request), at_end(values["format"], started, "rows"))
            response = _file_response(values | {"dataset": "rows"}, held.over(download))
        response["X-Export-Id"] = download.export.pk
        return response


@MANIFEST
class ManifestView(View):
    """Before an export: what it would be."""

    http_method_names = ["get", "head", "post"]
    query = "manifest"

    def get(self, request: Request) -> HttpResponseBase:
        return Response(self.described(request))

    post = get

    def described(self, request: Request) -> dict[str, Any]:
        params = self.validated(ExportParams, request)
        with slot("search"):
            spec = new_spec(params, self.flags.export_limit_rows)
            expected = counts.before(reader().full_scan, spec)
        return with_coverage(new_manifest(params, spec)) | expected


@MADE
class MadeView(View):
    """After an export: what it was."""

    def get(self, request: Request, export: str) -> HttpResponseBase:
        values = self.validated(MadeParams, request).validated_data
        row = record.find(export)
        if row is None:
            raise NotFound("No export has this id, or it is more than 30 days old.")
        manifest = with_coverage(record.to_manifest(row))
        if values["format"] == "text":
            return HttpResponse(methods_section(manifest), content_type="text/plain; charset=utf-8")
        return Response(manifest)


def _describe(response: StreamingHttpResponse, download: Download) -> None:
    """How to go on with it when it breaks off."""
    response["X-Export-Id"], response["ETag"] = download.export.pk, f'"{download.export.body}"'
    response["Accept-Ranges"] = "bytes"
    if download.measured:
        first, size = download.skip, download.measured.bytes
        response.status_code = 206
        response["Content-Range"], response["Content-Length"] = f"bytes {first}-{size - 1}/{size}", str(size - first)


def _file_response(values: Mapping[str, Any], body: Iterator[bytes]) -> StreamingHttpResponse:
    name = f"bluesky-{values['dataset']}-{datetime.now(UTC):%Y-%m-%d}.{values['format']}"
    response = StreamingHttpResponse(body, content_type=MEDIA_TYPES[values["format"]])
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
