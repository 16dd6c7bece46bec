"""Errors as clients see them: one JSON shape, and one map from exceptions to statuses, in DEBUG too."""

import logging
import math
import re
import time
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse, UnreadablePostError
from rest_framework.exceptions import APIException, ValidationError
from structlog.contextvars import bind_contextvars, clear_contextvars

from api import metrics
from api.params.request_values import LONG_BODY
from ingest.handles.appview import HandleServiceDown
from lake.errors import LakeError, QueryTimeout, QueryTooLarge
from process.records import error_type

log = structlog.get_logger("api")

RETRY_SECONDS = 10
SLOW_MS = 3000  # from so many milliseconds on a request leaves a line in the log
PATH_SHOWN = 200  # characters
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
TEMPORARY = (429, 503)  # statuses: the same request may succeed later


class Problem(NamedTuple):
    """An error as it is answered."""

    status: int
    code: str
    message: str
    details: tuple[dict[str, str], ...] = ()

    @property
    def temporary(self) -> bool:
        return self.status in TEMPORARY


UNEXPECTED = Problem(500, "internal_error", "An unexpected error. It is logged under this request_id.")
_NARROWER = "Narrow the dates or add a word, then try again."
TIMEOUTS = ("query_too_slow", "query_too_large")  # codes: a limit of time or memory was reached
_UNAVAILABLE = "lake_unavailable"
_TOO_LARGE = (
    f"The body has more than {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes, or of /api/v1/rows more than {LONG_BODY}: "
    "split the request."
)

# The first match counts. REST framework's exceptions have a status and a text of their own; others are unexpected.
_PROBLEMS: tuple[tuple[type[Exception], Problem], ...] = (
    (QueryTimeout, Problem(503, "query_too_slow", f"The search reached its time limit. {_NARROWER}")),
    (QueryTooLarge, Problem(503, "query_too_large", f"The search reached its memory limit. {_NARROWER}")),
    (HandleServiceDown, Problem(503, "handles_unavailable", "Handles can't be resolved now: use the DID.")),
    (LakeError, Problem(503, _UNAVAILABLE, "The data can't be read now; the log says why.")),
    (DatabaseError, Problem(503, _UNAVAILABLE, "The catalog can't be read now; the log says why.")),
    (Http404, Problem(404, "not_found", "There is nothing at this address.")),
    (PermissionDenied, Problem(403, "permission_denied", "This is not allowed.")),
    (RequestDataTooBig, Problem(413, "too_large", _TOO_LARGE)),
    (
        UnreadablePostError,
        Problem(
            400, "bad_request", "The body is shorter than its Content-Length, or has broken chunks: send it again."
        ),
    ),
    (SuspiciousOperation, Problem(400, "bad_request", "The request can't be understood.")),
)


def problem(error: Exception) -> Problem:
    if isinstance(error, ValidationError) and isinstance(error.detail, dict):
        details = tuple({"field": name, "message": str(text)} for name, texts in error.detail.items() for text in texts)
        message = " ".join(f"{detail['field']}: {detail['message']}" for detail in details)
        return Problem(400, "invalid_parameter", message, details)
    if isinstance(error, APIException):
        return Problem(error.status_code, getattr(error.detail, "code", error.default_code), str(error.detail))
    return next((known for kind, known in _PROBLEMS if isinstance(error, kind)), UNEXPECTED)


class ProblemResponse(JsonResponse):
    """An error, with its `code`, for the log."""

    code = ""


def error_response(error: Exception, request: HttpRequest) -> ProblemResponse:
    """The error as a response. What the operator must look into is logged with its traceback."""
    answer = problem(error)
    if answer is UNEXPECTED or answer.code == _UNAVAILABLE:
        metrics.OWN_ERRORS.labels(error_type(error)).inc()
        log.error("request failed", request_id=request_id(request), code=answer.code, exc_info=error)
    response = problem_response(answer, request)
    if answer.temporary:
        wait = getattr(error, "wait", None)  # of Throttled
        response["Retry-After"] = str(RETRY_SECONDS if wait is None else math.ceil(wait))
    if header := getattr(error, "auth_header", None):  # REST framework sets it on every 401
        response["WWW-Authenticate"] = header
    for name, value in getattr(error, "headers", {}).items():
        response[name] = value
    return response


def problem_response(answer: Problem, request: HttpRequest) -> ProblemResponse:
    body = {
        "code": answer.code,
        "message": answer.message,
        "details": answer.details,
        "temporary": answer.temporary,
        "request_id": request_id(request),
    }
    response = ProblemResponse({"error": body}, status=answer.status)
    response.code = answer.code
    return response


def handle(error: Exception, context: dict[str, Any]) -> JsonResponse:
    """REST framework's EXCEPTION_HANDLER."""
    return error_response(error, context["request"])


def request_id(request: HttpRequest) -> str:
    return str(request.META.get("request_id", ""))


def identify(given: str) -> str:
    """The id of a request: the one that a proxy or a client has given it, if that is well-formed, else a new one."""
    return given if _ID.fullmatch(given) else uuid.uuid4().hex


class RequestIdMiddleware:
    """Gives each request an id, which the X-Request-Id header, errors and all lines of the log repeat, and logs those
    that are slow or refused. Shapes the errors of plain Django views, except the admin's, which has pages of its own.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        started = time.monotonic()
        request.META["request_id"] = identify(request.headers.get("X-Request-Id", ""))
        # Until the next request of this thread: the body of an export is read after this middleware has returned.
        clear_contextvars()
        bind_contextvars(request_id=request_id(request))
        response = self._checked(request)
        response["X-Request-Id"] = request_id(request)
        if request.path != "/metrics" and not request.path.startswith("/health/"):
            metrics.RESPONSES.labels(f"{response.status_code // 100}xx").inc()
        _log(request, response, round((time.monotonic() - started) * 1000))
        return response

    def _checked(self, request: HttpRequest) -> HttpResponseBase:
        try:
            request.get_host()  # in DEBUG Django answers a wrong one with a page for developers
        except SuspiciousOperation:
            wrong_host = Problem(400, "bad_request", "This Host is not one of DJANGO_ALLOWED_HOSTS.")
            return problem_response(wrong_host, request)
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> JsonResponse | None:
        if not is_admin(request):
            return error_response(exception, request)
        if problem(exception) is UNEXPECTED:
            metrics.OWN_ERRORS.labels(error_type(exception)).inc()
        return None


def _log(request: HttpRequest, response: HttpResponseBase, ms: int) -> None:
    """One line, without the query: it may be private."""
    if response.status_code < 400 and ms < SLOW_MS:
        return
    response._has_been_logged = True  # type: ignore[attr-defined] # or Django logs it again, without its id
    outcome = getattr(response, "code", "") or ("refused" if response.status_code >= 400 else "slow")
    path = request.path[:PATH_SHOWN].encode("unicode_escape").decode()
    about = {"method": request.method, "path": path, "status": response.status_code, "outcome": outcome, "ms": ms}
    log.log(level(response.status_code), "request", **about, request_id=request_id(request))


def level(status: int) -> int:
    """Of a request's line: what a client did wrong is no trouble of ours."""
    if status == UNEXPECTED.status:
        return logging.ERROR
    return logging.INFO if 400 <= status < 500 else logging.WARNING


def is_admin(request: HttpRequest) -> bool:
    return request.path.startswith("/admin/")
