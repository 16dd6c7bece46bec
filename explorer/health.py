"""Liveness of the web process, and readiness of the service."""

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from api.answers.status import components
from api.views.view import OpenView


class Live(OpenView):
    def get(self, _request: Request) -> HttpResponse:
        """Reads nothing, so that it answers while everything else is down."""
        return HttpResponse("live\n", content_type="text/plain")


class Ready(OpenView):
    def get(self, _request: Request) -> Response:
        """The state of each component. 503 only when searches can't be answered."""
        states = components()
        ready = all(component.ok for component in states if component.needed)
        messages = {component.name: {"ok": component.ok, "message": component.message} for component in states}
        return Response({"ready": ready, "components": messages}, status=200 if ready else 503)
