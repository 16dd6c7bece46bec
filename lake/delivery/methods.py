"""What a methods section says of an export: its manifest in sentences. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from textwrap import fill
from typing import Any

WIDTH = 100
GAPS_SHOWN = 10


def methods_section(manifest: Mapping[str, Any]) -> str:
    """Of a manifest after the export, with its coverage. Paragraphs of plain text."""
    parts = (_data, _question, _rows, _coverage, _deletions, _verification, _citation)
    return "\n\n".join(fill(" ".join(part(manifest)), WIDTH, break_on_hyphens=False) for part in parts) + "\n"


def _data(manifest: Mapping[str, Any]) -> Iterator[str]:
    hosts = manifest["sources"]["hosts"]
    of = f" ({', '.join(hosts)})" if hosts else ""
    kind = manifest["parameters"].get("dataset", "rows" if "lookup" in manifest else "posts")
    yield (
        f"Data. The {kind} come from the public Bluesky network (AT Protocol), received from its Jetstream event "
        f"stream{of} and archived by Bluesky Post Explorer {manifest['software']}."
    )
    if collections := manifest["sources"]["collections"]:
        yield f"Only these collections are received: {', '.join(collections)}."


def _question(manifest: Mapping[str, Any]) -> Iterator[str]:
    if told := manifest.get("lookup"):
        yield f"Question. {told['asked']:,} records were looked up by AT-URI, and {told['found']:,} of them found:"
        missing = {"hidden": "of accounts that are not active", "purged": "purged", "unknown": "unknown"}
        rest = "".join(f", {len(told[name]):,} are {what}" for name, what in missing.items())
        yield f"{len(told['deleted']):,} were deleted{rest}."
        return
    window = manifest["window"]
    clock = "the server saw them" if window["clock"] == "seen" else "their authors' clients say they were created"
    begin, end = window["start"] or "the beginning of the archive", window["end"] or "its newest event"
    yield f"Question. Selected by the time at which {clock}, from {begin} up to, and without, {end} (UTC)."
    yield f"Query: {manifest['query']}." if manifest["query"] else "No words or filters: all of them."
    if manifest["query"]:
        yield manifest["matching"]
    if given := _given(manifest["parameters"]):
        yield f"Parameters: {given}."
    if sample := manifest["parameters"].get("sample"):
        seed = manifest["parameters"].get("seed", "")
        each = f" of each {per}" if (per := manifest["parameters"].get("sample_per")) else ""
        yield f"Of the hits a random sample of {sample:,}{each} was drawn, reproducible with the seed '{seed}'."


def _given(parameters: Mapping[str, Any]) -> str:
    """Those that say what is selected; long lists by their number."""
    said = (
        "text",
        "any",
        "start",
        "end",
        "clock",
        "sample",
        "sample_per",
        "seed",
        "fields",
        "format",
        "sort",
        "excel",
        "dataset",
    )
    return "; ".join(f"{name} {_brief(value)}" for name, value in parameters.items() if value and name not in said)


def _brief(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str):
        return f"any of {len(value):,} values" if len(value) > GAPS_SHOWN else ", ".join(map(str, value))
    return str(value)


def _rows(manifest: Mapping[str, Any]) -> Iterator[str]:
    yield f"Result. {manifest['rows']:,} rows"
    if manifest["first_row"]:
        first, last = sorted((manifest["first_row"], manifest["last_row"]))
        yield f"from {first} to {last}."
    else:
        yield "were found."
    if manifest["state"] != "complete":
        yield f"THE FILE IS NOT COMPLETE: {manifest['error'] or 'the export is still running'}."
    if manifest["truncated"]:
        yield f"More rows match than the limit of {manifest['row_limit']:,}: the rest is not in the file."


def _coverage(manifest: Mapping[str, Any]) -> Iterator[str]:
    found = manifest["coverage"]
    if not found["minutes"]:
        yield "Coverage. The archive has no data of this window."
        return
    share = found["minutes_with_data"] / found["minutes"]
    yield (
        f"Coverage. From {found['start']} to {found['end']} the archive has data of {found['minutes_with_data']:,} of "
        f"{found['minutes']:,} minutes ({share:.2%})."
    )
    if gaps := found["gaps"]:
        told = "; ".join(f"{gap['start']} to {gap['end']} ({gap['minutes']} minutes)" for gap in gaps[:GAPS_SHOWN])
        more = found["gaps_total"] - min(len(gaps), GAPS_SHOWN)
        yield f"Without data: {told}{f', and {more} more gaps' if more else ''}."
    else:
        yield "There are no gaps."


def _deletions(manifest: Mapping[str, Any]) -> Iterator[str]:
    until, hidden = manifest["window"]["seen_until"], manifest["rows_hidden"]
    yield f"Deletions. The file was made on {manifest['started_at']}"
    yield f"and stands for the archive as of {until}." if until else "."
    yield f"Left out is {manifest['hidden']}"
    yield f"({hidden:,} rows that match)." if hidden is not None else "(how many rows match was not counted)."
    yield "What is deleted later must be removed from the file: POST /api/v1/posts says what still exists."


def _verification(manifest: Mapping[str, Any]) -> Iterator[str]:
    yield f"Verification. {manifest['bytes']:,} bytes"
    yield f"with the SHA-256 {manifest['sha256']}." if manifest["sha256"] else "so far."
    yield f"Software: Bluesky Post Explorer {manifest['software']}, commit {manifest['commit'] or 'unknown'},"
    yield f"schema {manifest['schema_version']}."


def _citation(manifest: Mapping[str, Any]) -> Iterator[str]:
    day = str(manifest["started_at"])[:10]
    yield f"How to cite. Bluesky Post Explorer, version {manifest['software']}: export {manifest['id']},"
    yield f"{manifest['rows']:,} rows, made on {day}, as of {manifest['window']['seen_until'] or day}."
    yield f"SHA-256 {manifest['sha256']}." if manifest["sha256"] else ""
