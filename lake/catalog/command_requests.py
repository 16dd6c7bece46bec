"""Requests to a running command, from the admin and from `--once`, through the catalog.

Of each command one copy runs at a time. So a request that is running while its command looks for work was left by a
copy that has ended: it is begun again, MOST_ATTEMPTS times in all.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

import structlog
from django.db.models import F
from django.db.utils import DatabaseError
from django.utils import timezone

from lake.errors import LakeError, RequestRefused
from lake.models import Request
from process import heartbeats
from process.locks import running
from process.signals import Stop

log = structlog.get_logger("requests")

POLL_SECONDS = 0.2
MOST_ATTEMPTS = 3

WHO = {  # by kind: the process whose job it is
    Request.Kind.FLUSH: "flusher",
    Request.Kind.RETRY_BATCH: "flusher",
    Request.Kind.COMPACT: "compactor",
    Request.Kind.COMPACT_HOUR: "compactor",
    Request.Kind.VERIFY_FILES: "compactor",
    Request.Kind.REFRESH_HANDLE: "handles",
}


def pending(*kinds: Request.Kind) -> list[Request]:
    """In the order in which they were asked."""
    return list(Request.objects.filter(kind__in=kinds, state__in=Request.OPEN).order_by("pk"))


def answer(requests: Sequence[Request], work: Callable[[], str | None]) -> bool:
    """Does the work that answers all of these requests, if any; whether it was done. Its result: a sentence; None: a
    stop has cut it short, so that the next start does it. An error that leaves it is noted, and it is begun again."""
    begun = [request for request in requests if _begin(request)]
    if not begun:
        return False
    try:
        result = work()
    except RequestRefused as refusal:
        _end(begun, Request.State.FAILED, str(refusal))
        return False
    except Exception as error:
        with suppress(DatabaseError):
            Request.objects.filter(pk__in=[request.pk for request in begun]).update(result=heartbeats.sentence(error))
        raise
    _end(begun, *((Request.State.WAITING, "") if result is None else (Request.State.DONE, result)))
    return result is not None


def _begin(request: Request) -> bool:
    """False: it has been begun too often without an end."""
    if request.attempts >= MOST_ATTEMPTS:
        why = request.result or "its process ended in the middle of it"
        _end([request], Request.State.FAILED, f"begun {request.attempts} times and never finished: {why}")
        return False
    row = Request.objects.filter(pk=request.pk)
    return bool(row.update(state=Request.State.RUNNING, attempts=F("attempts") + 1, started_at=timezone.now()))


def _end(requests: Sequence[Request], state: Request.State, result: str) -> None:
    """Back to WAITING: as if it had never been begun."""
    rows = Request.objects.filter(pk__in=[request.pk for request in requests])
    if state == Request.State.WAITING:
        rows.update(state=state, attempts=F("attempts") - 1, started_at=None)
    else:
        rows.update(state=state, result=result, finished_at=timezone.now())


def whereabouts(request: Request) -> str:
    """Of an open request: what it waits for, as a sentence."""
    name = WHO[Request.Kind(request.kind)]
    command, beat = heartbeats.COMMANDS[name], heartbeats.read(name)
    if beat is None or beat.stale or beat.word.get("doing") == "ended":
        return f"{command} does not run: start it, and it begins with this"
    doing = beat.word.get("doing") or "is at work"
    if request.state == Request.State.RUNNING:
        return f"the {name} is at it ({doing})"
    return f"waits for the {name}, which takes it up after its present step (now: {doing})"


def delegate(command: str, kind: Request.Kind, stop: Stop) -> bool:
    """Has the running command do it and waits for it. False: the caller must do it itself, as none runs or it has ended
    without an answer. Raises LakeError if it has failed."""
    if not running(command):
        return False
    request = Request.objects.create(kind=kind)
    log.info("asked the running command", command=command, request=request.pk)
    while not stop and running(command):
        request.refresh_from_db()
        if request.state == Request.State.FAILED:
            raise LakeError(f"The running {command} could not do it: {request.result}")
        if request.state == Request.State.DONE:
            return True
        stop.wait(POLL_SECONDS)
    if not stop:
        request.delete()
    return bool(stop)
