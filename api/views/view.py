"""Views: parse, call, answer."""

import time
from collections.abc import Iterable
from functools import cached_property
from typing import Any, NoReturn

from django.http import HttpRequest
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.access.concurrency import slot
from api.access.keys import KeyAuthentication, MayAsk
from api.access.throttling import Throttle
from api.answers.page import answer_page
from api.params.request_values import read_request
from api.params.serializers import SearchParams
from api.schema.endpoints import SEARCH
from api.schema.openapi import described
from lake.flags.definitions import Flags, flags


class OneForm(BaseContentNegotiation):
    """JSON whatever the Accept header says. `format` is a parameter of the export, not of REST framework."""

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        return next(iter(parsers))


class View(APIView):
    """GET and HEAD; all else is a 405. Takes an API key, refuses who may not ask, and counts who asks."""

    http_method_names = ["get", "head"]
    content_negotiation_class = OneForm
    authentication_classes = [KeyAuthentication]
    permission_classes = [MayAsk]
    throttle_classes = [Throttle]

    def http_method_not_allowed(self, request: HttpRequest, *_: Any, **__: Any) -> NoReturn:
        use = ", ".join(self.allowed_methods)
        raise MethodNotAllowed(str(request.method), f"{request.method} is not possible here: use {use}.")

    @cached_property
    def flags(self) -> Flags:
        """Read once a request, when first asked for."""
        return flags()


class OpenView(View):
    """For anybody, uncounted: what says how the service does, and how to use it. Reads nothing by itself."""

    authentication_classes = []
    permission_classes = []
    throttle_classes = []


@described(SearchParams, SEARCH)
class SearchView(View):
    http_method_names = ["get", "head", "post"]

    def get(self, request: Request) -> Response:
        started = time.monotonic()
        params = SearchParams(data=read_request(request), context={"flags": self.flags})
        params.is_valid(raise_exception=True)
        with slot("search"):
            body = answer_page(params, started)
        return Response(body)

    post = get
