"""Admin pages that only show. In ingest, so that the lake's admin can use it too."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

if TYPE_CHECKING:
    Admin = admin.ModelAdmin[Any]
else:
    Admin = admin.ModelAdmin


class ReadOnlyAdmin(Admin):
    """Adds, changes and deletes nothing, also for superusers: the pipeline writes these tables."""

    actions: tuple[str, ...] | None = None
    show_full_result_count = False  # a second count of millions of rows
    list_per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    has_change_permission = has_delete_permission = has_add_permission
