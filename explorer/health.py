"""Whether this process lives and goes on, what works of the whole, and how fresh it is: what proxies and checks ask."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from api.health import readings
from api.health.components import verdicts
from api.health.freshness import freshness
from api.views.view import OpenView
from process.instants import iso


class Live(OpenView):
    def get(self, _request: Request) -> HttpResponse:
        """Reads nothing, so that it answers while everything else is down."""
        return HttpResponse("live\n", content_type="text/plain")


LEAVING = Path(tempfile.gettempdir()) / "leaving"  # deploy/releases.sh makes it in a container that it will stop


class Accepting(OpenView):
    def get(self, _request: Request) -> HttpResponse:
        """503 before an update stops this process: what arrives is served still, and a proxy sends no more."""
        leaving = LEAVING.exists()
        return HttpResponse(
            "leaving\n" if leaving else "accepting\n", content_type="text/plain", status=503 if leaving else 200
        )


class Ready(OpenView):
    def get(self, _request: Request) -> Response:
        """The state of each component. 503 only when searches can't be answered."""
        found = readings.take()
        components = {name: state._asdict() for name, state in verdicts(found).items()}
        body = {"ready": found.searchable, "components": components}
        return Response(body, status=200 if found.searchable else 503)


class Fresh(OpenView):
    def get(self, _request: Request) -> Response:
        """503 when the newest searchable event is older than two flush intervals and a minute."""
        found, newest = readings.take(), readings.newest_seen()
        components = verdicts(found)
        state = freshness(found, components, newest, readings.STARTED)
        faults = {name: component.message for name, component in components.items() if not component.ok}
        body: dict[str, Any] = {
            "fresh": state.fresh,
            "newest": None if newest is None else iso(datetime.fromtimestamp(newest, UTC)),
            "age_seconds": None if state.age is None else round(state.age, 1),
            "limit_seconds": state.limit,
            "stage": state.stage or None,
            "message": state.message,
            "faults": faults,
        }
        return Response(body, status=200 if state.fresh else 503)
