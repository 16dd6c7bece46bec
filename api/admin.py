"""Admin of API keys. The page of the flags is django-constance's, named flags."""

from typing import TYPE_CHECKING

from constance.admin import Config
from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone

from api.models import ApiKey

Config._meta.verbose_name_plural = "flags"

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[ApiKey]
    _Form = forms.ModelForm[ApiKey]
else:
    _Admin, _Form = admin.ModelAdmin, forms.ModelForm


@admin.register(ApiKey)
class ApiKeyAdmin(_Admin):
    list_display = ("name", "prefix", "state", "rate_per_minute", "expires_at", "created_at", "last_used_at")
    search_fields = ("name", "prefix")
    fields = ("name", "rate_per_minute", "expires_at", "prefix", "revoked_at", "created_at", "last_used_at")
    readonly_fields = ("prefix", "revoked_at", "created_at", "last_used_at")
    actions = ("revoke",)

    @admin.display(description="state")
    def state(self, key: ApiKey) -> str:
        return key.state(timezone.now())

    def save_model(self, request: HttpRequest, obj: ApiKey, form: _Form, change: bool) -> None:
        secret = None if change else obj.make_secret()
        super().save_model(request, obj, form, change)
        if secret is not None:
            # Kept in a cookie of this browser until the next page shows it, and nowhere else: not in the catalog.
            messages.warning(request, f"The key, shown this once: {secret}")

    @admin.action(description="Revoke the selected API keys (can't be undone)", permissions=["change"])
    def revoke(self, request: HttpRequest, keys: QuerySet[ApiKey]) -> None:
        done = keys.filter(revoked_at=None).update(revoked_at=timezone.now())
        messages.success(request, f"{done} revoked: refused from now on.")
