"""Admin of API keys, and of the flags, whose page is django-constance's."""

import json
from typing import TYPE_CHECKING, Any

from constance.admin import Config, ConstanceAdmin
from constance.forms import ConstanceForm
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from api.answers.usernames import handle_lookup
from api.models import ApiKey
from ingest.identifiers import is_did
from lake.adminpages.changes import Change, LoggedAdmin, latest_changes, message
from lake.withheld_models import OptOut

FLAGS = "Config"  # the object_id under which the library logs changes of flags

Config._meta.verbose_name_plural = "flags"

if TYPE_CHECKING:
    _Form = forms.ModelForm[ApiKey]
    _OptOutForm = forms.ModelForm[OptOut]
else:
    _OptOutForm = forms.ModelForm


class FlagForm(ConstanceForm):  # type: ignore[misc]
    def save(self) -> list[Change]:
        """What was changed, from which value to which."""
        return [Change(name, self.initial.get(name), self.cleaned_data[name]) for name in super().save()]


class FlagAdmin(ConstanceAdmin):  # type: ignore[misc]
    """Each flag with its latest change. The log has all."""

    change_list_form = FlagForm

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        entries = LogEntry.objects.filter(content_type=self._kind(), object_id=FLAGS)
        latest = latest_changes(entries.select_related("user"))
        response: HttpResponse = super().changelist_view(request, extra_context)
        for flag in (getattr(response, "context_data", None) or {}).get("config_values", ()):
            flag["latest"] = latest.get(flag["name"])
        return response

    def _log_config_change(self, request: HttpRequest, changed_fields: list[Change]) -> None:
        LogEntry.objects.create(
            user_id=request.user.pk or 0,
            content_type=self._kind(),
            object_id=FLAGS,
            object_repr="flags",
            action_flag=CHANGE,
            change_message=json.dumps(message(changed_fields)),
        )

    def _kind(self) -> ContentType:
        return ContentType.objects.get_for_model(self.model)


admin.site.unregister([Config])
admin.site.register([Config], FlagAdmin)


class OptOutForm(_OptOutForm):
    did = forms.CharField(
        label="account", max_length=2048, help_text="a DID, or a handle that is known here, such as alice.example"
    )

    def clean_did(self) -> str:
        """Of a handle the DID."""
        given: str = self.cleaned_data["did"].strip()
        did = given if is_did(given) else handle_lookup().did_of(given)
        if did is None:
            raise forms.ValidationError("is no DID, and no handle that is known here: give the DID, did:plc:...")
        return did


@admin.register(OptOut)
class OptOutAdmin(LoggedAdmin):
    """Accounts that are never shown, from the moment on that they are here. What others say of them stays."""

    form = OptOutForm
    list_display = ("did", "reason", "purge", "added_by", "added_at")
    list_filter = ("purge",)
    list_select_related = ("added_by",)
    search_fields = ("did__exact", "reason")
    fields = ("did", "reason", "purge")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("did", "added_by", "added_at") if obj else ()

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return ("did", "reason", "purge", "added_by", "added_at") if obj else self.fields

    def save_model(self, request: HttpRequest, obj: OptOut, form: Any, change: bool) -> None:
        if not change:
            obj.added_by_id = request.user.pk
        super().save_model(request, obj, form, change)


@admin.register(ApiKey)
class ApiKeyAdmin(LoggedAdmin):
    list_display = (
        "name",
        "prefix",
        "state",
        "rate_per_minute",
        "may_label",
        "expires_at",
        "created_at",
        "last_used_at",
    )
    list_filter = (
        "force_pseudonyms",
        ("revoked_at", admin.EmptyFieldListFilter),
        ("last_used_at", admin.EmptyFieldListFilter),
    )
    search_fields = ("name", "prefix")
    fields = (
        "name",
        "rate_per_minute",
        "may_label",
        "force_pseudonyms",
        "expires_at",
        "prefix",
        "revoked_at",
        "created_at",
        "last_used_at",
    )
    readonly_fields = ("prefix", "revoked_at", "created_at", "last_used_at")
    actions = ("revoke",)

    @admin.display(description="state")
    def state(self, key: ApiKey) -> str:
        return key.state(timezone.now())

    def save_model(self, request: HttpRequest, obj: ApiKey, form: "_Form", change: bool) -> None:
        secret = None if change else obj.make_secret()
        super().save_model(request, obj, form, change)
        if secret is not None:
            # Kept in a cookie of this browser until the next page shows it, and nowhere else: not in the catalog.
            messages.warning(request, f"The key, shown this once: {secret}")

    @admin.action(description="Revoke the selected API keys (can't be undone)", permissions=["change"])
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        now, valid = timezone.now(), list(keys.filter(revoked_at=None))
        done = keys.filter(revoked_at=None).update(revoked_at=now)
        change = Change("revoked_at", None, f"{now:%Y-%m-%d %H:%M:%S}")
        LogEntry.objects.log_actions(request.user.pk or 0, valid, CHANGE, message([change]))
        messages.success(request, f"{done} revoked: refused from now on.")
