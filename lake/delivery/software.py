"""Which state of the software made an export."""

import subprocess
from functools import cache
from pathlib import Path

from django.conf import settings

GIT_SECONDS = 5.0


@cache
def commit() -> str | None:
    """SOFTWARE_COMMIT, else what git says of the folder of the software, with `-dirty` when files were changed; None
    without both."""
    return settings.SOFTWARE_COMMIT or described_by_git(settings.BASE_DIR)


def described_by_git(folder: Path) -> str | None:
    git = ["git", "-C", str(folder), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        told = subprocess.run(git, capture_output=True, text=True, timeout=GIT_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    return told.stdout.strip() or None
