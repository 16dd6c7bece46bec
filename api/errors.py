"""Errors as readers see them: one shape, one map from what went wrong to a status, also with DEBUG."""

import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import structlog
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from rest_framework.exceptions import APIException, ValidationError

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
    (QueryTimeout, Problem(503, "query_too_slow", f"The search reached its time limit. {_NARROWER}", temporary=True)),
    (
        QueryTooLarge,
        Problem(503, "query_too_large", f"The search reached its memory limit. {_NARROWER}", temporary=True),
    ),
    (LakeError, Problem(503, _UNAVAILABLE, "The data can't be read now; the log says why.", temporary=True)),
    (DatabaseError, Problem(503, _UNAVAILABLE, "The catalog can't be read now; the log says why.", temporary=True)),
    (Http404, Problem(404, "not_found", "There is nothing here.")),
    (PermissionDenied, Problem(403, "permission_denied", "This is not allowed.")),
    (SuspiciousOperation, Problem(400, "bad_request", "The request can't be understood.")),
)


def problem(error: Exception) -> Problem:
    if isinstance(error, ValidationError) and isinstance(error.detail, dict):
        details = tuple({"field": name, "message": str(text)} for name, texts in error.detail.items() for text in texts)
        message = "; ".join(f"{detail['field']}: {detail['message']}" for detail in details)
        return Problem(400, "invalid_parameter", message, details)
    if isinstance(error, APIException):
        return Problem(error.status_code, error.default_code, str(error.detail))
    return next((told for kind, told in _PROBLEMS if isinstance(error, kind)), UNEXPECTED)


def answer(error: Exception, request: HttpRequest) -> JsonResponse:
    """The error as a response. What is our fault is logged."""
    found = problem(error)
    if found.status >= 500:
        level = log.error if found is UNEXPECTED or found.code == _UNAVAILABLE else log.warning
        level("request failed", request_id=request_id(request), code=found.code, exc_info=error)
    response = told(found, request)
    if found.temporary:
        response["Retry-After"] = str(RETRY_SECONDS)
    return response


def told(found: Problem, request: HttpRequest) -> JsonResponse:
    body = {**found._asdict(), "request_id": request_id(request)}
    del body["status"]
    return JsonResponse({"error": body}, status=found.status)


def handle(error: Exception, context: dict[str, Any]) -> JsonResponse:
    """What REST framework answers for an exception of a view."""
    return answer(error, context["request"])


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
            return told(Problem(400, "bad_request", "This Host is not one of DJANGO_ALLOWED_HOSTS."), request)
        return self._get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> JsonResponse | None:
        return None if is_admin(request) else answer(exception, request)


def is_admin(request: HttpRequest) -> bool:
    return request.path.startswith("/admin/")
