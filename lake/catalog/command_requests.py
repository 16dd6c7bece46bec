"""What the admin and `--once` ask of a running command, through the catalog."""

from collections.abc import Iterable

import structlog

from lake.models import Request
from process.locks import running
from process.signals import Stop

log = structlog.get_logger("requests")

LOOK_SECONDS = 0.2


def pending(kind: Request.Kind) -> list[Request]:
    return list(Request.objects.filter(kind=kind, state=Request.State.WAITING))


def complete(asked: Iterable[Request], result: str) -> None:
    for request in asked:
        request.state, request.result = Request.State.DONE, result
        request.save(update_fields=["state", "result"])


def delegate(command: str, kind: Request.Kind, stop: Stop) -> bool:
    """Has the running command do it, and waits; False when none runs, or it ended before it answered, so that we
    must."""
    if not running(command):
        return False
    request = Request.objects.create(kind=kind)
    log.info("asked the running command", command=command, request=request.pk)
    while not stop and running(command):
        request.refresh_from_db()
        if request.state != Request.State.WAITING:
            return True
        stop.wait(LOOK_SECONDS)
    if not stop:
        request.delete()
    return bool(stop)
