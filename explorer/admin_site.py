"""The admin, with the state of the pipeline as its first page."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.template.response import TemplateResponse

from api.dashboard import facts, figures, needs_action

REFRESH_SECONDS = 30


class Site(admin.AdminSite):
    site_header = site_title = "Bluesky Post Explorer"
    index_title = "Pipeline"
    index_template = "admin/dashboard.html"

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """The dashboard is for those who may see batches; others have the list of what they may see."""
        context = dict(extra_context or {})
        if request.user.has_perm("lake.view_batchrun"):
            found = facts.read()
            context |= {"facts": found, "items": needs_action.items(found), "groups": figures.groups(found)}
        response = super().index(request, context)
        response["Refresh"] = str(REFRESH_SECONDS)
        return response
