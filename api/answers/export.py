"""Exports, for the view and the command: what one holds, its manifest, and its download."""

import hashlib
import json
from collections.abc import Generator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

from django.utils.crypto import salted_hmac
from rest_framework.exceptions import APIException, ValidationError

from api.answers.pseudonyms import pseudonyms
from api.answers.reader import reader
from api.answers.usernames import handle_lookup, pinned_search
from api.params.export import ExportParams
from lake.catalog.coverage import coverage
from lake.delivery import counts, record
from lake.delivery.download import Download, Ended, measure
from lake.delivery.manifest import describe
from lake.delivery.record import Asked
from lake.export.formats import Format, new_format
from lake.export.spec import ExportSpec, export_spec
from lake.export.stream import EncodedSlice, export
from lake.models import Export
from lake.query.spec import LAST_US
from lake.scan.full_scan import TooManyValues
from process.instants import microseconds


def new_spec(params: ExportParams, max_rows: int) -> ExportSpec:
    """`max_rows`: 0 for no limit. Raises NotFound for an unknown handle."""
    values = params.validated_data
    limit = min((rows for rows in (values["limit"], max_rows) if rows), default=None)
    search = pinned_search(values, params.flags)
    sample = values["sample"], values["seed"], values["sample_per"]
    spec = export_spec(search, values["fields"], values["terms"], limit, sample)
    return replace(spec, recalled=values["as_of"] is not None, pseudonyms=pseudonyms(values))


def new_manifest(params: ExportParams, spec: ExportSpec) -> dict[str, Any]:
    return {**describe(spec, params.requested(), params.flags), "notes": params.validated_data["notes"]}


def with_coverage(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """With the coverage of its window, as of now. Minutes are counted by when rows were seen: rows created in a window
    were seen from its start on."""
    window = manifest["window"]
    start, end = (datetime.fromisoformat(window[name]) if window[name] else None for name in ("start", "end"))
    return {**manifest, "coverage": coverage(start, end if window["clock"] == "seen" else None)}


def file_format(params: ExportParams, spec: ExportSpec, manifest: dict[str, Any]) -> Format:
    """`manifest`: goes into the metadata of a Parquet file."""
    values = params.validated_data
    inside = manifest | ({"parameters": {}, "notes": []} if spec.pseudonyms else {})  # which repeat what was asked
    return new_format(values["format"], spec.columns, excel=values["excel"], about=about_file(inside))


def about_file(manifest: Mapping[str, Any]) -> dict[str, str]:
    """The metadata of a Parquet file."""
    about = {name: str(manifest[name]) for name in ("query", "software", "schema_version")}
    return about | {"manifest": json.dumps(manifest)}


def start_download(params: ExportParams, asked: Asked, request_id: str, ended: Ended) -> Download:
    """Reads the first rows, so that what fails at once is an error answer and not a broken file."""
    spec = new_spec(params, params.flags.export_limit_rows)
    manifest = new_manifest(params, spec)
    try:
        file = _file(params, spec, manifest)
        first = list(islice(file, 2))
    except TooManyValues as error:
        raise ValidationError({"sample": [f"{error}."]}) from error
    facts = partial(counts.after, reader().full_scan, spec)
    return Download(record.start(manifest, asked), first, file, request_id, facts, ended)


class PastTheEnd(APIException):
    """The client has the whole body already."""

    status_code = 416
    default_code = "past_the_end"

    def __init__(self, size: int) -> None:
        super().__init__(f"The whole file is {size} bytes long: you have it already.")
        self.headers = {"Content-Range": f"bytes */{size}"}


def continue_download(
    params: ExportParams, asked: Asked, first: int, body: str, request_id: str, ended: Ended
) -> Download | None:
    """The rest of a body that the client has up to byte `first`. None when that is not known to be what would be sent
    today: rows of it were deleted since, or it is nobody's. `body`: names it, if the client does. Makes the body twice,
    once to know it: how long it is must be said at its beginning. Raises PastTheEnd."""
    begun = record.begun(asked, first, body)
    if not begun or len({_snapshot(export) for export in begun}) > 1:
        return None
    manifest = record.initial_manifest(begun[0])
    spec = new_spec(params, params.flags.export_limit_rows)
    spec = replace(spec, search=replace(spec.search, snapshot_us=_snapshot(begun[0])))
    measured = measure(_file(params, spec, manifest), {export.prefix_bytes for export in begun})
    if any(measured.digests.get(export.prefix_bytes) != export.prefix_sha256 for export in begun):
        return None
    if first >= measured.bytes:
        raise PastTheEnd(measured.bytes)
    row = record.start(manifest, asked, begun[0].body)
    facts = partial(counts.after, reader().full_scan, spec)
    return Download(row, (), _file(params, spec, manifest), request_id, facts, ended, first, measured)


def asked_by(params: ExportParams, client: str) -> Asked:
    """`client`: who asks."""
    question = json.dumps(params.requested(), sort_keys=True)
    return Asked(hashlib.sha256(question.encode()).hexdigest(), salted_hmac("export", client).hexdigest())


def _snapshot(export: Export) -> int:
    until = export.manifest["window"]["seen_until"]
    return microseconds(datetime.fromisoformat(until)) if until else LAST_US


def _file(params: ExportParams, spec: ExportSpec, manifest: dict[str, Any]) -> Generator[EncodedSlice, None, None]:
    """With the handles that were known when the manifest was made: others may come while it is sent."""
    made_us = microseconds(datetime.fromisoformat(manifest["made_at"]))
    names = partial(handle_lookup().names_until, made_us)
    return export(reader(), spec, file_format(params, spec, manifest), names)
