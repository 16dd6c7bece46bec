"""Exports, for the view and the command: what one holds, its manifest, and its download."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from itertools import islice
from typing import Any

from rest_framework.exceptions import ValidationError

from api.answers.reader import reader
from api.answers.usernames import handle_lookup, pinned_search
from api.params.export import ExportParams
from lake.catalog.coverage import coverage
from lake.export import counts, record
from lake.export.formats import Format, new_format
from lake.export.manifest import describe
from lake.export.record import Download, Ended
from lake.export.spec import ExportSpec, export_spec
from lake.export.stream import export
from lake.scan.full_scan import TooManyValues


def new_spec(params: ExportParams, max_rows: int) -> ExportSpec:
    """`max_rows`: 0 for no limit. Raises NotFound for an unknown handle."""
    values = params.validated_data
    limit = min((rows for rows in (values["limit"], max_rows) if rows), default=None)
    search = pinned_search(values, params.flags)
    sample = values["sample"], values["seed"], values["sample_per"]
    return export_spec(search, values["fields"], values["labels"], limit, sample)


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
    return new_format(values["format"], spec.columns, excel=values["excel"], about=about_file(manifest))


def about_file(manifest: Mapping[str, Any]) -> dict[str, str]:
    """The metadata of a Parquet file."""
    about = {name: str(manifest[name]) for name in ("query", "software", "schema_version")}
    return about | {"manifest": json.dumps(manifest)}


def start_download(params: ExportParams, request_id: str, ended: Ended) -> Download:
    """Reads the first rows, so that what fails at once is an error answer and not a broken file."""
    spec = new_spec(params, params.flags.export_limit_rows)
    manifest = new_manifest(params, spec)
    form, digest = file_format(params, spec, manifest), hashlib.sha256()
    try:
        file = export(reader(), spec, form, handle_lookup().names, digest)
        first = list(islice(file, 2))
    except TooManyValues as error:
        raise ValidationError({"sample": [f"{error}."]}) from error
    facts = partial(counts.after, reader().full_scan, spec)
    return Download(record.start(manifest), first, file, digest, request_id, facts, ended)
