"""How long queries take and how they end, for Prometheus."""

import time
from functools import partial

from django.http import HttpResponseBase

from api import metrics
from api.access.concurrency import Overloaded
from api.answers.errors import TIMEOUTS
from lake.delivery.download import CLIENT_GONE, Ended
from lake.models import Export


def outcome(status: int, code: str, complete: bool) -> str:
    """One of metrics.OUTCOMES. `code`: of the error, empty if there is none. `complete`: false for a page that ends at
    the time limit, not at its last hit."""
    if status < 400:
        return "ok" if complete else "timeout"
    if code in TIMEOUTS:
        return "timeout"
    return "refused" if status < 500 or code == Overloaded.default_code else "error"


def export_outcome(export: Export) -> str:
    """Of one that has ended."""
    if export.state == Export.State.COMPLETE:
        return "ok"
    return "abandoned" if export.error == CLIENT_GONE else "error"


def measure(kind: str, response: HttpResponseBase, started: float) -> None:
    """`started`: monotonic seconds. A streamed answer is measured at its end, see `at_end`."""
    if kind and not response.streaming:
        ended = outcome(response.status_code, getattr(response, "code", ""), _complete(response))
        metrics.QUERY_SECONDS.labels(kind, ended).observe(time.monotonic() - started)


def _complete(response: HttpResponseBase) -> bool:
    data = getattr(response, "data", None)  # of a JSON answer
    return not isinstance(data, dict) or data.get("meta", {}).get("complete") is not False


def at_end(form: str, started: float, kind: str = "export") -> Ended:
    """To be called with an export in this format when it has ended. `kind`: one of metrics.QUERIES."""
    return partial(_measure_export, form, started, kind)


def _measure_export(form: str, started: float, kind: str, export: Export) -> None:
    metrics.QUERY_SECONDS.labels(kind, export_outcome(export)).observe(time.monotonic() - started)
    metrics.ROWS_EXPORTED.labels(form).inc(export.rows)
