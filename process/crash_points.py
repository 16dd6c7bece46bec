"""Named steps at which a test has a process killed, to prove that a crash there loses nothing and repeats nothing."""

import os
import signal

from django.conf import settings

CRASH_POINTS = (
    *("consume:received", "consume:appended"),
    *("flush:read", "flush:written", "flush:renamed", "flush:committed", "flush:trimmed"),
    *("compact:written", "compact:renamed", "compact:committed", "compact:moved", "compact:swept"),
    *("label:written", "label:renamed", "label:committed"),
)


def crash_point(name: str) -> None:
    """Kills this process with SIGKILL if CRASH_AT is this step. The settings refuse CRASH_AT outside DEBUG."""
    if name == settings.CRASH_AT:
        os.kill(os.getpid(), signal.SIGKILL)
