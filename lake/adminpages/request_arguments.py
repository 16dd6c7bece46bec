"""What each kind of request needs to know, checked against the catalog, and in words."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError

from ingest.identifiers import is_did, normalize_handle
from lake.models import BatchRun, DataFile, Request
from lake.storage.layout import HOUR

MOST_FILES = 100  # of one verification: some minutes of the compactor
LONGEST_DID = 256  # that an AppView is asked about
Kind = Request.Kind

FIELDS: dict[str, tuple[str, ...]] = {
    Kind.COMPACT_HOUR: ("dataset", "hour"),
    Kind.VERIFY_FILES: ("paths",),
    Kind.RETRY_BATCH: ("batch",),
    Kind.REFRESH_HANDLE: ("account",),
}


def arguments(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """`given`: the cleaned fields of the form. Raises ValidationError by field, for the person who asks."""
    missing = {name: "This is needed." for name in FIELDS.get(kind, ()) if given.get(name) in (None, "")}
    if missing:
        raise ValidationError(missing)
    check = _CHECKS.get(kind)
    return check(given) if check else {}


def _hour(given: Mapping[str, Any]) -> dict[str, Any]:
    dataset, hour = given["dataset"], given["hour"].replace(minute=0, second=0, microsecond=0)
    if hour + HOUR > datetime.now(UTC):
        raise ValidationError({"hour": "This hour is not over. Choose one that is: events of it still arrive."})
    if not DataFile.listed.filter(dataset=dataset, hour=hour).exists():
        raise ValidationError({"hour": f"{dataset} has no files in this hour: see Files by day for those that exist."})
    return {"dataset": dataset, "hour": hour.isoformat()}


def _files(given: Mapping[str, Any]) -> dict[str, Any]:
    paths = list(dict.fromkeys(given["paths"].split()))
    if len(paths) > MOST_FILES:
        raise ValidationError(
            {"paths": f"These are {len(paths):,}, at most {MOST_FILES} are allowed: run verify_lake."}
        )
    listed = set(DataFile.listed.filter(path__in=paths).values_list("path", flat=True))
    unknown = [path for path in paths if path not in listed]
    if unknown:
        raise ValidationError({"paths": f"{len(unknown):,} of them are not listed, the first is {unknown[0][:200]}."})
    return {"files": paths}


def _batch(given: Mapping[str, Any]) -> dict[str, Any]:
    run = BatchRun.objects.filter(pk=given["batch"]).only("state").first()
    if run is None:
        raise ValidationError({"batch": f"There is no batch {given['batch']}."})
    if run.state != BatchRun.State.FAILED:
        raise ValidationError({"batch": f"Batch {run.pk} has not failed: there is nothing to retry."})
    return {"batch": run.pk}


def _account(given: Mapping[str, Any]) -> dict[str, Any]:
    text = given["account"].strip()
    account = text if is_did(text, LONGEST_DID) else normalize_handle(text)
    if account is None:
        raise ValidationError({"account": "This is neither a handle, such as alice.example, nor a DID."})
    if not settings.APPVIEW_URL:
        raise ValidationError({"account": "APPVIEW_URL is empty, so nobody is asked for handles: set it first."})
    return {"account": account}


_CHECKS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    Kind.COMPACT_HOUR: _hour,
    Kind.VERIFY_FILES: _files,
    Kind.RETRY_BATCH: _batch,
    Kind.REFRESH_HANDLE: _account,
}


def in_words(request: Request) -> str:
    """Its arguments, short enough for a list."""
    given = request.arguments
    match request.kind:
        case Kind.COMPACT_HOUR:
            return f"{given.get('dataset')}, {str(given.get('hour'))[:13].replace('T', ' ')}:00 UTC"
        case Kind.VERIFY_FILES:
            files = given.get("files", [])
            return f"{len(files):,} files" if len(files) > 1 else "".join(files)
        case Kind.RETRY_BATCH:
            return f"batch {given.get('batch')}"
        case Kind.REFRESH_HANDLE:
            return str(given.get("account"))
    return ""
