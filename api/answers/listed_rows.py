"""Rows by their URIs: as JSON with what was not found, or as a file whose manifest says it."""

import hashlib
import time
from collections.abc import Generator, Iterator, Mapping
from itertools import chain, islice
from typing import Any

from api.answers.export import about_file
from api.answers.pseudonyms import pseudonyms, with_pseudonyms
from api.answers.reader import reader
from api.answers.usernames import handle_lookup, uris_with_dids
from api.params.query import withhold
from lake.delivery import record
from lake.delivery.download import Download, Ended
from lake.delivery.manifest import describe
from lake.delivery.record import Asked
from lake.export.formats import Format, chunks, new_format
from lake.export.json_answer import JsonAnswer
from lake.export.listed_rows import Found, ListedRows, counted, file_columns, find, joint_specs
from lake.export.spec import ExportSpec
from lake.export.stream import EncodedSlice, encode
from lake.flags.definitions import Flags

Encoded = Generator[EncodedSlice, None, None]


def json_rows(values: Mapping[str, Any], flags: Flags, started: float) -> Iterator[bytes]:
    """The answer, whose first rows are read already. `started`: monotonic seconds."""
    _, found, specs = _found(values, flags)

    def meta() -> dict[str, Any]:
        lookup: dict[str, Any] = with_pseudonyms(pseudonyms(values), counted(found))
        return lookup | {"took_ms": round((time.monotonic() - started) * 1000)}

    first, rest = _begun(found, specs, JsonAnswer(file_columns(specs), meta))
    return (piece for part in chain(first, rest) for piece in chunks(part.body))


def rows_download(values: Mapping[str, Any], flags: Flags, request_id: str, ended: Ended) -> Download:
    """The file. Its manifest has what became of the URIs, as `lookup`."""
    uris, found, specs = _found(values, flags)
    manifest = _manifest(values, flags, uris, specs)
    form = new_format(values["format"], file_columns(specs), about=about_file(manifest))
    first, rest = _begun(found, specs, form)
    lookup = with_pseudonyms(pseudonyms(values), counted(found))
    export = record.start(manifest | {"lookup": lookup}, Asked("", ""))  # no other download goes on with it
    return Download(export, first, rest, request_id, lambda _: {"truncated": False}, ended)


def _found(values: Mapping[str, Any], flags: Flags) -> tuple[list[str], list[Found], list[ExportSpec]]:
    uris = uris_with_dids(values["uris"], flags.query_timeout_seconds)
    found = find(reader(), uris, flags.query_timeout_seconds, withhold(flags))
    return uris, found, joint_specs(found, values["fields"], pseudonyms(values))


def _begun(found: list[Found], specs: list[ExportSpec], form: Format) -> tuple[list[EncodedSlice], Encoded]:
    """The first slices, so that what fails at once is an error answer, and the rest."""
    file = encode(ListedRows(reader(), found, specs, form, handle_lookup().names), form)
    return list(islice(file, 2)), file


def _manifest(values: Mapping[str, Any], flags: Flags, uris: list[str], specs: list[ExportSpec]) -> dict[str, Any]:
    """`parameters` has the number of the URIs and their hash in place of them: they may be some megabytes."""
    listed = {"number": len(uris), "sha256": hashlib.sha256("\n".join(sorted(uris)).encode()).hexdigest()}
    asked = {"uris": listed, "format": values["format"], "fields": values["fields"]}
    datasets = ", ".join(spec.search.dataset for spec in specs)
    about = {"order": f"by dataset ({datasets}), then seen, did, rkey; oldest first", "notes": []}
    return describe(specs[0], asked, flags) | about
