"""What a browser may do with our answers. Django sets the other security headers: nosniff, no frames, same-origin."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from api.answers.errors import is_admin

DATA = "default-src 'none'; frame-ancestors 'none'"  # JSON, CSV and text load nothing
PAGE = (  # of the explorer: no inline script or style, nothing of another host
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
ADMIN = (  # its stylesheets have images in data: URLs
    "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)


class SecurityHeadersMiddleware:
    """A Content-Security-Policy for each answer that has none of its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self._get_response(request)
        response.headers.setdefault("Content-Security-Policy", ADMIN if is_admin(request) else DATA)
        response.headers.setdefault("X-Robots-Tag", "noindex, nofollow")  # posts are their authors', not a crawler's
        return response
