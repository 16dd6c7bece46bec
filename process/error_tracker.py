"""Reports each exception that is logged as an error to a tracker that speaks Sentry's protocol, if SENTRY_DSN is set.

Only where in the code it happened, and the id under which the log has the rest: no texts, no queries, no keys.
"""

import importlib
import sys
from collections.abc import Sequence
from typing import Any

import structlog

log = structlog.get_logger("process")

PACKAGE = "sentry_sdk"  # is not among the requirements: it is for those who have a tracker
MISSING = "SENTRY_DSN is set, but its package is missing: run .venv/bin/pip install sentry-sdk, then start again"
KEPT = ("event_id", "timestamp", "platform", "level", "tags", "sdk")  # of an event
PLACE = ("filename", "module", "function", "lineno", "in_app")  # of a frame

_sdk: Any = None


def start(dsn: str) -> None:
    """Without the package, says what to install, and goes on without a tracker."""
    global _sdk  # noqa: PLW0603
    if not dsn:
        return
    try:
        _sdk = importlib.import_module(PACKAGE)
    except ImportError:
        log.warning(MISSING)
        return
    _sdk.init(
        dsn=dsn,
        default_integrations=False,  # they would read requests, local variables and log lines
        auto_enabling_integrations=False,
        send_default_pii=False,
        include_local_variables=False,
        include_source_context=False,
        max_breadcrumbs=0,
        server_name="",
        before_send=scrub,
    )


def scrub(event: dict[str, Any], _hint: Any = None) -> dict[str, Any]:
    """What may leave the machine: types of exceptions and places in the code. Messages may quote what was read."""
    values = event.get("exception", {}).get("values", [])
    return {**_only(event, KEPT), "exception": {"values": [_scrubbed(value) for value in values]}}


def _scrubbed(value: dict[str, Any]) -> dict[str, Any]:
    frames = (value.get("stacktrace") or {}).get("frames", [])
    return {**_only(value, ("type", "module")), "stacktrace": {"frames": [_only(frame, PLACE) for frame in frames]}}


def _only(values: dict[str, Any], names: Sequence[str]) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}


def processor(_logger: Any, method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """A processor of structlog: reports the exception of an event of the levels error and critical."""
    found = event.get("exc_info")
    if _sdk is not None and found and method in ("error", "exception", "critical"):
        error = sys.exc_info()[1] if found is True else found[1] if isinstance(found, tuple) else found
        with _sdk.new_scope() as scope:
            scope.set_tag("id", str(event.get("request_id") or event.get("error_id") or ""))
            _sdk.capture_exception(error)
    return event
