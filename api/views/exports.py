"""Views of exports: all hits of a search as a file, and what is known of that file before and after."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from django.http import StreamingHttpResponse
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from api.access.concurrency import slot
from api.answers.reader import reader
from api.answers.usernames import handle_lookup, with_dids
from api.errors import request_id
from api.params.fields import Repeatable
from api.params.request_values import read_request
from api.params.serializers import ExportParams
from api.schema.endpoints import EXPORT, MADE, MANIFEST
from api.schema.openapi import described
from api.views.view import View
from lake.catalog.coverage import coverage
from lake.export import record
from lake.export.formats import MEDIA_TYPES, Format, new_format
from lake.export.manifest import describe
from lake.export.record import Download
from lake.export.spec import ExportSpec, export_spec
from lake.export.stream import export
from lake.scan.snapshot import pin_snapshot


class Exporting(View):
    http_method_names = ["get", "head", "post"]

    def params(self, request: Request) -> ExportParams:
        params = ExportParams(data=read_request(request), context={"flags": self.flags})
        params.is_valid(raise_exception=True)
        return params


@described(ExportParams, EXPORT)
class ExportView(Exporting):
    def get(self, request: Request) -> StreamingHttpResponse:
        params = self.params(request)
        if not self.flags.export_enabled:
            raise PermissionDenied("Exports are switched off: search still works.", "export_disabled")
        if request.method == "HEAD":
            return file_response(params, iter(()))
        with slot("export") as taken:
            download = start_download(params, request_id(request))
            response = file_response(params, taken.over(download))
        response["X-Export-Id"] = download.export.pk
        return response

    post = get


@described(ExportParams, MANIFEST)
class ManifestView(Exporting):
    """Before an export: what it would be."""

    def get(self, request: Request) -> Response:
        params = self.params(request)
        with slot("search"):
            asked_for = spec_of(params, self.flags.export_limit_rows)
            total, relation = reader().full_scan.count(asked_for.search, asked_for.search.timeout)
        most = min((number for number in (asked_for.limit, asked_for.sample) if number), default=total)
        rows = (most, "eq") if most < total else (total, relation)
        manifest = describe(asked_for, parameters(params), self.flags)
        return Response(
            manifest | {"rows": rows[0], "rows_relation": rows[1], "coverage": window_coverage(manifest["window"])}
        )

    post = get


@described(None, MADE)
class MadeView(View):
    """After an export: what it was."""

    def get(self, request: Request, export: str) -> Response:
        row = record.find(export)
        if row is None:
            raise NotFound("No export has this id, or it was made more than 30 days ago.")
        return Response(record.to_manifest(row) | {"coverage": window_coverage(row.manifest["window"])})


def start_download(params: ExportParams, request: str) -> Download:
    """The first rows are found before the answer begins, so that what fails at once is an error and no broken file."""
    asked_for = spec_of(params, params.flags.export_limit_rows)
    manifest = describe(asked_for, parameters(params), params.flags)
    file_form, digest = format_of(params, asked_for, manifest), hashlib.sha256()
    file = export(reader(), asked_for, file_form, handle_lookup().names, digest)
    first = list(islice(file, 2))
    return Download(record.start(manifest), first, file, digest, request)


def spec_of(params: ExportParams, most: int) -> ExportSpec:
    """`most`: rows that an export may have, 0: any number. Bound to what is there now. Raises NotFound for an unknown
    handle."""
    values = params.validated_data
    limit = min((number for number in (values["limit"], most) if number), default=None)
    search = pin_snapshot(with_dids(params.to_search()))
    return export_spec(search, values["fields"], limit, values["sample"], values["seed"])


def format_of(params: ExportParams, asked_for: ExportSpec, manifest: dict[str, Any]) -> Format:
    about = {name: str(manifest[name]) for name in ("query", "software", "schema_version")}
    values = params.validated_data
    return new_format(
        values["format"], asked_for.columns, excel=values["excel"], about=about | {"manifest": json.dumps(manifest)}
    )


def parameters(params: ExportParams) -> dict[str, Any]:
    """Every one, as it was asked; those that were not, as they are by default."""
    given = {name: [text for text in texts if text] for name, texts in params.asked.values.items()}
    fields: dict[str, Any] = dict(params.fields.items())
    several = {name for name, field in fields.items() if isinstance(field, Repeatable)}
    plain = {name: texts if name in several else texts[0] for name, texts in given.items() if texts}
    return {name: [] if name in several else params.validated_data[name] for name in fields} | plain


def window_coverage(window: Mapping[str, Any]) -> dict[str, Any]:
    """Minutes are known by when they were seen: what was created in a window was seen from its start on."""
    start, end = (datetime.fromisoformat(window[name]) if window[name] else None for name in ("start", "end"))
    return coverage(start, end if window["clock"] == "seen" else None)


def file_name(params: ExportParams) -> str:
    values = params.validated_data
    return f"bluesky-{values['dataset']}-{datetime.now(UTC):%Y-%m-%d}.{values['format']}"


def file_response(params: ExportParams, body: Iterator[bytes]) -> StreamingHttpResponse:
    response = StreamingHttpResponse(body, content_type=MEDIA_TYPES[params.validated_data["format"]])
    response["Content-Disposition"] = f'attachment; filename="{file_name(params)}"'
    return response
