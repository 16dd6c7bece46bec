"""Requests: asked for here, done by the process whose job it is, shown with state and result."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html

from ingest.read_only_admin import ReadOnlyAdmin
from lake.adminpages.request_arguments import FIELDS, MOST_FILES, arguments, in_words
from lake.catalog.command_requests import whereabouts
from lake.models import Request
from lake.schema import DATASETS

SHOWN_CHARACTERS = 120  # of a result in the list
REFRESH_SECONDS = 2  # of the page of an open request
HOUR_FORMATS = ["%Y-%m-%d %H", "%Y-%m-%dT%H", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%z"]

if TYPE_CHECKING:
    _Form = forms.ModelForm[Request]
else:
    _Form = forms.ModelForm


class RequestForm(_Form):
    dataset = forms.ChoiceField(choices=[(name, name) for name in DATASETS], required=False)
    hour = forms.DateTimeField(
        required=False, input_formats=HOUR_FORMATS, help_text="of seen, UTC, such as 2026-07-01 12:00"
    )
    paths = forms.CharField(
        required=False,
        widget=forms.Textarea(attrs={"rows": 8, "cols": 100}),
        help_text=f"files below LAKE_ROOT, one a line, at most {MOST_FILES}. Easier: select them in the list of files",
    )
    batch = forms.IntegerField(required=False, min_value=1, help_text="the number of a failed batch")
    account = forms.CharField(
        required=False, max_length=256, help_text="a handle, such as alice.example, or a DID. The AppView is asked now"
    )

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        if not self.errors:
            self.instance.arguments = arguments(given["kind"], given)
        return given


class RequestAdmin(ReadOnlyAdmin):
    form = RequestForm
    list_display = ("asked_at", "kind", "what", "who", "now", "took", "short_result")
    list_filter = ("kind", "state", "asked_at")
    list_select_related = ("asked_by",)
    fields = ("kind", "what", "who", "asked_at", "now", "attempts", "started_at", "finished_at", "answer")
    readonly_fields = ("what", "who", "now", "answer")
    change_list_template = "admin/lake/request/change_list.html"

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """To add one: the kind, and once that is known what it needs."""
        if obj:
            return self.fields
        kind = (request.POST if request.method == "POST" else request.GET).get("kind", "")
        return ("kind", *FIELDS.get(kind, ()))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """ReadOnlyAdmin denies it."""
        return request.user.has_perm("lake.add_request")

    def save_model(self, request: HttpRequest, obj: Request, form: Any, change: bool) -> None:
        obj.asked_by_id = request.user.pk
        super().save_model(request, obj, form, change)

    def response_add(self, request: HttpRequest, obj: Request, post_url_continue: str | None = None) -> HttpResponse:
        """To its own page, which shows what becomes of it, when one may see it."""
        if "_addanother" in request.POST or not self.has_view_permission(request):
            return super().response_add(request, obj, post_url_continue)
        return HttpResponseRedirect(reverse("admin:lake_request_change", args=[obj.pk]))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        plain = {"title": "Ask a process to do something now", "show_save_and_add_another": False}
        plain |= {"show_save_and_continue": False}
        return super().add_view(request, form_url, {**plain, **(extra_context or {})})

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        response = super().change_view(request, object_id, *args, **kwargs)
        original = (getattr(response, "context_data", None) or {}).get("original")
        if original and original.state in Request.OPEN:
            response["Refresh"] = str(REFRESH_SECONDS)
        return response

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return super().changelist_view(request, {"kinds": Request.Kind.choices, **(extra_context or {})})

    @admin.display(description="what")
    def what(self, asked: Request) -> str:
        return in_words(asked) or "-"

    @admin.display(description="asked by", ordering="asked_by")
    def who(self, asked: Request) -> str:
        return str(asked.asked_by or "a command with --once")

    @admin.display(description="state", ordering="state")
    def now(self, asked: Request) -> str:
        if asked.state in Request.OPEN:
            return format_html('<strong class="state {}">{}</strong> {}', asked.state, asked.state, whereabouts(asked))
        return format_html('<strong class="state {}">{}</strong>', asked.state, asked.state)

    @admin.display(description="seconds")
    def took(self, asked: Request) -> str:
        if not asked.started_at or not asked.finished_at:
            return "-"
        return f"{(asked.finished_at - asked.started_at).total_seconds():,.1f}"

    @admin.display(description="result")
    def short_result(self, asked: Request) -> str:
        return asked.result if len(asked.result) <= SHOWN_CHARACTERS else f"{asked.result[:SHOWN_CHARACTERS]}…"

    @admin.display(description="result")
    def answer(self, asked: Request) -> str:
        return format_html('<div class="lines">{}</div>', asked.result or "-")
