"""Errors as readers see them: one shape, one map from what went wrong to a status."""

import uuid
from collections.abc import Callable
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.response import Response
from rest_framework.views import exception_handler

from lake.errors import LakeError, QueryTimeout, QueryTooLarge

log = structlog.get_logger("api")

RETRY_SECONDS = 10


class RequestIdMiddleware:
    """Gives each request an id: in the answer's X-Request-Id, in errors and in the log."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        request.META["request_id"] = uuid.uuid4().hex
        response = self._get_response(request)
        response["X-Request-Id"] = request.META["request_id"]
        return response


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """What REST framework answers for an exception of a view."""
    request_id = context["request"].META.get("request_id", "")
    if isinstance(error, LakeError):
        return _lake(error, request_id)
    response = exception_handler(error, context)
    if response is None:
        log.exception("unexpected error", request_id=request_id)
        return Response(body("internal_error", "An unexpected error; it is logged.", request_id=request_id), 500)
    assert isinstance(error, APIException) or response is not None
    response.data = _told(error, request_id)
    return response


def _lake(error: LakeError, request_id: str) -> Response:
    if isinstance(error, QueryTimeout | QueryTooLarge):
        code, message = "query_too_slow" if isinstance(error, QueryTimeout) else "query_too_large", str(error)
        message += " Narrow the dates or add a word, then try again."
    else:
        code, message = "lake_unavailable", "The data can't be read now."
    log.warning("search failed", request_id=request_id, code=code, error=str(error))
    answer = Response(body(code, message, temporary=True, request_id=request_id), 503)
    answer["Retry-After"] = str(RETRY_SECONDS)
    return answer


def _told(error: Exception, request_id: str) -> dict[str, Any]:
    if isinstance(error, ValidationError) and isinstance(error.detail, dict):
        details = [{"field": field, "message": str(message)} for field, messages in error.detail.items() for message in messages]
        message = "; ".join(f"{detail['field']}: {detail['message']}" for detail in details)
        return body("invalid_parameter", message, details, request_id=request_id)
    code = getattr(error, "default_code", "not_found" if type(error).__name__ == "Http404" else "error")
    return body(code, str(error), request_id=request_id)


def body(
    code: str, message: str, details: list[dict[str, str]] | None = None, *, temporary: bool = False, request_id: str = ""
) -> dict[str, Any]:
    return {
        "error": {
            "code": code,
            "message": message,
            "details": details or [],
            "temporary": temporary,
            "request_id": request_id,
        }
    }


def not_found(request: HttpRequest, exception: Exception) -> JsonResponse:
    return JsonResponse(body("not_found", f"There is nothing at {request.path}.", request_id=_id(request)), status=404)


def server_error(request: HttpRequest) -> JsonResponse:
    return JsonResponse(body("internal_error", "An unexpected error; it is logged.", request_id=_id(request)), status=500)


def _id(request: HttpRequest) -> str:
    return str(request.META.get("request_id", ""))
