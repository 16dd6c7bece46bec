"""The classes that all views derive from: one form of JSON, access, and answers from validated parameters."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from functools import cached_property
from typing import Any, NoReturn, TypeVar

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.access.concurrency import slot
from api.access.keys import KeyAuthentication, KeyPermission, known_reader, project
from api.access.throttling import Throttle
from api.params.request_values import read_request
from api.params.strict import StrictSerializer
from api.views.measured import measure
from lake.flags.definitions import Flags
from lake.flags.store import flags

P = TypeVar("P", bound=StrictSerializer)


class JsonOnly(BaseContentNegotiation):
    """JSON whatever the Accept header says. `format` is a parameter of the export, not of REST framework."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        return next(iter(parsers))


class View(APIView):
    """GET and HEAD; other methods are a 405. Needs an API key while anonymous access is off, and counts requests."""

    http_method_names = ["get", "head"]
    content_negotiation_class = JsonOnly
    authentication_classes = [KeyAuthentication]
    permission_classes = [KeyPermission]
    throttle_classes = [Throttle]
    query = ""  # one of metrics.QUERIES, if it is one
    longest = settings.DATA_UPLOAD_MAX_MEMORY_SIZE  # bytes of a body

    def dispatch(self, request: HttpRequest, *args: Any, **named: Any) -> HttpResponseBase:
        started = time.monotonic()
        response: HttpResponseBase = super().dispatch(request, *args, **named)
        measure(self.query, response, started)
        return response

    def http_method_not_allowed(self, request: HttpRequest, *_: Any, **__: Any) -> NoReturn:
        use = ", ".join(self.allowed_methods)
        raise MethodNotAllowed(str(request.method), f"{request.method} is not supported here: use {use}.")

    @cached_property
    def flags(self) -> Flags:
        """As of the request's first look: one query. A reader who is known sees accounts that ask for that, too."""
        found = flags()
        return found._replace(honor_no_unauthenticated=False) if known_reader(self.request) else found

    def validated(self, kind: type[P], request: Request) -> P:
        """The parameters of the request. Raises ValidationError with every fault."""
        params = kind(
            data=read_request(request, self.longest), context={"flags": self.flags, "project": project(request)}
        )
        params.is_valid(raise_exception=True)
        return params


class OpenView(View):
    """Without key and limit: health, and how to use the API. Reads nothing by itself."""

    authentication_classes = []
    permission_classes = []
    throttle_classes = []


class AnswerView(View, ABC):
    """Parameters in the query of a GET or the JSON of a POST; the answer is JSON with `meta.took_ms`."""

    http_method_names = ["get", "head", "post"]
    params: type[StrictSerializer]
    takes_slot = True  # a view whose answers may need none takes it itself

    def get(self, request: Request) -> HttpResponseBase:
        return Response(self.answered(request))

    post = get

    def answered(self, request: Request) -> dict[str, Any]:
        """The answer, before it is JSON. Raises what the API tells as errors."""
        started = time.monotonic()
        values = self.validated(self.params, request).validated_data
        with slot("search") if self.takes_slot else nullcontext():
            body = self.answer(values, started + self.flags.query_timeout_seconds)
        body["meta"]["took_ms"] = round((time.monotonic() - started) * 1000)
        return body

    @abstractmethod
    def answer(self, values: Mapping[str, Any], deadline: float) -> dict[str, Any]:
        """`values`: the validated parameters. `deadline`: of the whole request, in monotonic seconds."""
