"""Requests to a running command, from the admin and from `--once`, through the catalog."""

from collections.abc import Iterable

import structlog

from lake.models import Request
from process.locks import running
from process.signals import Stop

log = structlog.get_logger("requests")

POLL_SECONDS = 0.2


def pending(kind: Request.Kind) -> list[Request]:
    return list(Request.objects.filter(kind=kind, state=Request.State.WAITING))


def complete(requests: Iterable[Request], result: str) -> None:
    for request in requests:
        request.state, request.result = Request.State.DONE, result
        request.save(update_fields=["state", "result"])


def delegate(command: str, kind: Request.Kind, stop: Stop) -> bool:
    """Has the running command do it and waits for it. False: the caller must do it itself, as none runs or it has ended
    without an answer."""
    if not running(command):
        return False
    request = Request.objects.create(kind=kind)
    log.info("asked the running command", command=command, request=request.pk)
    while not stop and running(command):
        request.refresh_from_db()
        if request.state != Request.State.WAITING:
            return True
        stop.wait(POLL_SECONDS)
    if not stop:
        request.delete()
    return bool(stop)
