"""Errors as readers see them: one shape, one map from what went wrong to a status, also with DEBUG."""

import math
import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse, UnreadablePostError
from rest_framework.exceptions import APIException, Throttled, ValidationError

from api.access.concurrency import Overloaded
from ingest.handles.appview import HandleServiceDown
from lake.errors import LakeError, QueryTimeout, QueryTooLarge

log = structlog.get_logger("api")

RETRY_SECONDS = 10


class Problem(NamedTuple):
    """What a reader is told."""

    status: int
    code: str
    message: str
    details: tuple[dict[str, str], ...] = ()
    temporary: bool = False


UNEXPECTED = Problem(500, "internal_error", "An unexpected error. It is logged under this request_id.")
_NARROWER = "Narrow the dates or add a word, then try again."
_UNAVAILABLE = "lake_unavailable"

# The first that matches is told; what is none of these tells its own status and text, or is unexpected.
_PROBLEMS: tuple[tuple[type[Exception], Problem], ...] = (
    (Overloaded, Problem(503, "overloaded", "Too many requests are at work now: try again soon.", temporary=True)),
    (QueryTimeout, Problem(503, "query_too_slow", f"The search reached its time limit. {_NARROWER}", temporary=True)),
    (
        QueryTooLarge,
        Problem(503, "query_too_large", f"The search reached its memory limit. {_NARROWER}", temporary=True),
    ),
    (
        HandleServiceDown,
        Problem(503, "handles_unavailable", "Who has this handle can't be asked now: use the DID.", temporary=True),
    ),
    (LakeError, Problem(503, _UNAVAILABLE, "The data can't be read now; the log says why.", temporary=True)),
    (DatabaseError, Problem(503, _UNAVAILABLE, "The catalog can't be read now; the log says why.", temporary=True)),
    (Http404, Problem(404, "not_found", "There is nothing at this address.")),
    (PermissionDenied, Problem(403, "permission_denied", "This is not allowed.")),
    (
        RequestDataTooBig,
        Problem(
            413,
            "too_large",
            f"The body has more than {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes: ask in several requests.",
        ),
    ),
    (
        UnreadablePostError,
        Problem(400, "bad_request", "The body is not as long as it says, or no whole chunks: send it again."),
    ),
    (SuspiciousOperation, Problem(400, "bad_request", "The request can't be understood.")),
)


def problem(error: Exception) -> Problem:
    if isinstance(error, ValidationError) and isinstance(error.detail, dict):
        details = tuple({"field": name, "message": str(text)} for name, texts in error.detail.items() for text in texts)
        message = " ".join(f"{detail['field']}: {detail['message']}" for detail in details)
        return Problem(400, "invalid_parameter", message, details)
    if isinstance(error, APIException):
        code = getattr(error.detail, "code", error.default_code)
        return Problem(error.status_code, code, str(error.detail), temporary=isinstance(error, Throttled))
    return next((known for kind, known in _PROBLEMS if isinstance(error, kind)), UNEXPECTED)


def error_response(error: Exception, request: HttpRequest) -> JsonResponse:
    """The error as a response. What is our fault is logged."""
    found = problem(error)
    if found.status >= 500:
        level = log.error if found is UNEXPECTED or found.code == _UNAVAILABLE else log.warning
        level("request failed", request_id=request_id(request), code=found.code, exc_info=_told_by_traceback(error))
    response = problem_response(found, request)
    if found.temporary:
        wait = getattr(error, "wait", None)  # of Throttled
        response["Retry-After"] = str(RETRY_SECONDS if wait is None else math.ceil(wait))
    if header := getattr(error, "auth_header", None):  # REST framework puts it on each 401
        response["WWW-Authenticate"] = header
    return response


def _told_by_traceback(error: Exception) -> Exception | None:
    """Under overload each request has the same one, and writing them is load too."""
    return None if isinstance(error, Overloaded) else error


def problem_response(found: Problem, request: HttpRequest) -> JsonResponse:
    body = {**found._asdict(), "request_id": request_id(request)}
    del body["status"]
    return JsonResponse({"error": body}, status=found.status)


def handle(error: Exception, context: dict[str, Any]) -> JsonResponse:
    """What REST framework answers for an exception of a view."""
    return error_response(error, context["request"])


def request_id(request: HttpRequest) -> str:
    return str(request.META.get("request_id", ""))


class RequestIdMiddleware:
    """Gives each request an id: in the answer's X-Request-Id, in errors and in the log. Errors of views that are not
    REST framework's get their shape here, but for the admin's, which shows pages of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.META["request_id"] = uuid.uuid4().hex
        response = self._checked(request)
        response["X-Request-Id"] = request_id(request)
        return response

    def _checked(self, request: HttpRequest) -> HttpResponseBase:
        try:
            request.get_host()  # with DEBUG a wrong one would be answered by a page for developers
        except SuspiciousOperation:
            return problem_response(
                Problem(400, "bad_request", "This Host is not one of DJANGO_ALLOWED_HOSTS."), request
            )
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> JsonResponse | None:
        return None if is_admin(request) else error_response(exception, request)


def is_admin(request: HttpRequest) -> bool:
    return request.path.startswith("/admin/")
