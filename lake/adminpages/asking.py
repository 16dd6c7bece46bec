"""Requests made by the actions of lists."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from lake.models import Request

if TYPE_CHECKING:
    from ingest.read_only_admin import Admin as Base
else:
    Base = object

MOST_AT_ONCE = 20  # requests of one action


class Asking(Base):
    """Actions with permissions=["ask"] are for those who may add requests."""

    def has_ask_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("lake.add_request")

    def ask(self, request: HttpRequest, kind: Request.Kind, asked: Sequence[Mapping[str, Any]], otherwise: str) -> None:
        """One request for each of these arguments; `otherwise`: what to say when there are none."""
        if not asked:
            messages.error(request, otherwise)
        elif len(asked) > MOST_AT_ONCE:
            messages.error(request, f"These are {len(asked):,}: select at most {MOST_AT_ONCE} at a time.")
        else:
            for arguments in asked:
                Request.objects.create(kind=kind, arguments=dict(arguments), asked_by_id=request.user.pk)
            url = reverse("admin:lake_request_changelist")
            said = '{} asked for: <a href="{}">see what becomes of it</a>.'
            messages.success(request, format_html(said, f"{len(asked):,}", url))
