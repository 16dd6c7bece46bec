"""Whether this process lives, and what works of the whole."""

from django.http import HttpRequest, HttpResponse, JsonResponse

from api.status import components


def live(_request: HttpRequest) -> HttpResponse:
    """Touches nothing: answers while anything else is down."""
    return HttpResponse("live\n", content_type="text/plain")


def ready(_request: HttpRequest) -> JsonResponse:
    """What is wrong, per component. 503 only when a search could not be answered."""
    found = components()
    ok = all(component.ok for component in found if component.needed)
    body = {
        "ready": ok,
        "components": {component.name: {"ok": component.ok, "message": component.message} for component in found},
    }
    return JsonResponse(body, status=200 if ok else 503)
