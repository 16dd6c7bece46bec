"""What the pages derive from: HTML with the access, the limits and the errors of the API, and a strict policy."""

from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from api.access.keys import project
from api.answers.errors import Problem, ProblemResponse, error_response, problem
from api.views.view import View
from explorer.headers import PAGE

KEPT_HEADERS = ("Retry-After", "WWW-Authenticate")


class PageResponse(HttpResponse):
    """HTML. `code`: of the error that it tells of. `data`: the answer that it shows, of which metrics tell."""

    code = ""
    data: Mapping[str, Any] | None = None


class Page(View):
    """A page. Errors are pages too, with the sentence that the API answers with."""

    http_method_names = ["get", "head"]
    error_template = "explorer/error.html"
    section = ""  # which link of the header is the present one

    def check_permissions(self, request: Request) -> None:
        super().check_permissions(request)
        if project(request).forced:
            raise PermissionDenied("The pages show accounts: with this API key use the API, which gives pseudonyms.")

    def html(self, template: str, context: Mapping[str, Any], status: int = 200) -> PageResponse:
        body = render(self.request._request, template, {"section": self.section, **context}).content
        response = PageResponse(body, status=status)
        response["Content-Security-Policy"] = PAGE
        response["Cache-Control"] = "no-cache"  # the browser asks again; its back button needs not
        return response

    def get_exception_handler(self) -> Callable[[Exception, dict[str, Any]], HttpResponse]:
        return self._failed

    def failed(self, told: Problem) -> PageResponse:
        """The page that tells of an error."""
        return self.html(self.error_template, {"problem": told}, told.status)

    def _failed(self, error: Exception, context: dict[str, Any]) -> HttpResponse:
        as_json = error_response(error, self.request._request)
        return as_page(self.failed(problem(error)), as_json)


class Fragment(Page):
    """A part of a page that arrives after it."""

    error_template = "explorer/error_fragment.html"


def as_page(response: PageResponse, as_json: ProblemResponse) -> PageResponse:
    """With what the same error has as JSON: its code, for the log, and the headers that say when to come again."""
    response.code = as_json.code
    for name in KEPT_HEADERS:
        if name in as_json:
            response[name] = as_json[name]
    return response


def prefers_html(request: HttpRequest) -> bool:
    """A browser. Who accepts anything, as curl does, gets JSON."""
    return request.get_preferred_type(["application/json", "text/html"]) == "text/html"
