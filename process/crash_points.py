"""Named steps at which a test may have the process killed."""

import os
import signal

from django.conf import settings

CRASH_POINTS = (
    "consume:received",
    "consume:appended",
    "flush:read",
    "flush:written",
    "flush:renamed",
    "flush:committed",
    "flush:trimmed",
    "compact:written",
    "compact:renamed",
    "compact:committed",
    "compact:moved",
    "compact:swept",
)


def crash_point(name: str) -> None:
    """Kills this process with SIGKILL when CRASH_AT names this step: for tests, which set it with DEBUG only."""
    if name == settings.CRASH_AT:
        os.kill(os.getpid(), signal.SIGKILL)
