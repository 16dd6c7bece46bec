"""Pages beside the API: the landing page, the schema, the docs, the guides, and errors outside of the API's views."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views import defaults
from django.views.decorators.csrf import csrf_exempt
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from api.access.scrapers import may_scrape
from api.answers.errors import UNEXPECTED, Problem, is_admin, problem_response
from api.schema.openapi import schema
from api.views.view import OpenView
from explorer.page_view import prefers_html
from explorer.search.views import SearchPage

LINKS = {
    "search": "/search?text=",
    "export": "/export?format=csv&text=",
    "health": "/health/ready",
    "metrics": "/metrics",
    "docs": "/api/docs",
    "schema": "/api/schema",
    "guide": "/api/guide",
    "search-syntax": "/api/search-syntax",
    "admin": "/admin/",
}


class Links(OpenView):
    def get(self, request: Request) -> Response:
        links = {name: request.build_absolute_uri(path) for name, path in LINKS.items()}
        return Response({"name": "Bluesky Post Explorer", "links": links})


@csrf_exempt
def home(request: HttpRequest, **_: str) -> HttpResponseBase:
    """The page for browsers, links for whoever asks for JSON, as curl does."""
    view = SearchPage if prefers_html(request) else Links
    response: HttpResponseBase = view.as_view()(request)
    patch_vary_headers(response, ["Accept"])
    return response


class Robots(OpenView):
    """Posts may be deleted, and their authors did not write them for search engines."""

    def get(self, _request: Request) -> HttpResponse:
        return HttpResponse("User-agent: *\nDisallow: /\n", content_type="text/plain")


class Schema(OpenView):
    def get(self, _request: Request) -> Response:
        return Response(schema())


class Metrics(OpenView):
    """For Prometheus. Not public: it tells how much is collected, asked and stored."""

    def get(self, request: Request) -> HttpResponse:
        if not may_scrape(request.META, settings.METRICS_TOKEN):
            raise PermissionDenied(
                "Metrics are for this machine and private networks, past the proxy. Others, and whoever comes through "
                "the proxy, send `Authorization: Bearer <METRICS_TOKEN>`."
            )
        return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


class Docs(OpenView):
    """Swagger UI over the schema, with assets of this service only. It needs inline styles and images in data: URLs."""

    def get(self, request: Request) -> HttpResponse:
        response = render(request, "explorer/docs.html")
        response["Content-Security-Policy"] = (
            "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'"
        )
        return response


class Guide(OpenView):
    """A page of docs/, as Markdown."""

    page = "api.md"

    def get(self, _request: Request) -> HttpResponse:
        page = (settings.BASE_DIR / "docs" / self.page).read_bytes()
        return HttpResponse(page, content_type="text/markdown; charset=utf-8")


@csrf_exempt
def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Also the last route: in DEBUG, Django answers a path without a route with a page of its own."""
    if is_admin(request):
        return defaults.page_not_found(request, exception or Exception())
    return problem_response(Problem(404, "not_found", f"There is nothing at {request.path}."), request)


def bad_request(request: HttpRequest, exception: Exception) -> JsonResponse:
    return problem_response(Problem(400, "bad_request", "The request can't be understood."), request)


def server_error(request: HttpRequest) -> HttpResponse:
    return defaults.server_error(request) if is_admin(request) else problem_response(UNEXPECTED, request)
