"""System checks: settings that are each allowed and wrong together. `manage.py check` and every start say so."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from lake.errors import LakeError
from lake.recovery import folder

TAG = "lake"


@register(TAG)
def lake_root(**_: Any) -> list[CheckMessage]:
    """The flusher makes LAKE_ROOT at its very first start, never its parent: that may be a disk not mounted."""
    root = settings.LAKE_ROOT
    if root.exists() and not root.is_dir():
        message, hint = f"LAKE_ROOT {root} is a file.", "Name a folder."
    elif not root.exists() and not root.parent.is_dir():
        message, hint = f"LAKE_ROOT {root} lies in a folder that does not exist.", f"Mount or create {root.parent}."
    else:
        return []
    return [Error(message, hint=hint, id="lake.E001")]


@register(TAG)
def database_path(**_: Any) -> list[CheckMessage]:
    path, root = settings.DATABASE_PATH.resolve(), settings.LAKE_ROOT.resolve()
    if path.is_relative_to(root):
        return [
            Error(
                f"DATABASE_PATH {path} lies inside LAKE_ROOT {root}: searches can read whatever is in there.",
                hint="Keep the catalog, which holds accounts and sessions too, in another folder.",
                id="lake.E003",
            )
        ]
    return []


@register(TAG)
def backup_dir(**_: Any) -> list[CheckMessage]:
    """Whether its disk is mounted is looked at when a backup is due."""
    if not settings.BACKUP_DIR:
        return []
    try:
        folder.refuse_overlap(settings.BASE_DIR / settings.BACKUP_DIR, settings.DATABASE_PATH, settings.LAKE_ROOT)
    except LakeError as error:
        return [Error(f"BACKUP_DIR {error}", hint="Name a folder on another disk.", id="lake.E004")]
    return []
