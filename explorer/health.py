"""Whether this process lives, and what works of the whole."""

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from api.answers.status import components
from api.views.view import OpenView


class Live(OpenView):
    def get(self, _request: Request) -> HttpResponse:
        """Touches nothing: answers while anything else is down."""
        return HttpResponse("live\n", content_type="text/plain")


class Ready(OpenView):
    def get(self, _request: Request) -> Response:
        """What is wrong, per component. 503 only when a search could not be answered."""
        found = components()
        ready = all(component.ok for component in found if component.needed)
        states = {component.name: {"ok": component.ok, "message": component.message} for component in found}
        return Response({"ready": ready, "components": states}, status=200 if ready else 503)
