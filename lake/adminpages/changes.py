"""Who changed what from which value to which: the words for Django's log, and the log read back."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django import forms
from django.contrib import admin
from django.contrib.admin.models import LogEntry

from ingest.read_only_admin import Admin, ReadOnlyAdmin


class Change(NamedTuple):
    name: str
    old: Any
    new: Any

    def __str__(self) -> str:
        return f"{self.name}: {words(self.old)} → {words(self.new)}"


class LoggedAdmin(Admin):
    """Logs each changed field with its old and its new value."""

    def construct_change_message(self, request: Any, form: forms.Form, formsets: Any, add: bool = False) -> Any:
        if add or not form.changed_data:
            return super().construct_change_message(request, form, formsets, add)
        return message(
            [Change(name, form.initial.get(name), form.cleaned_data.get(name)) for name in form.changed_data]
        )


class LogAdmin(ReadOnlyAdmin):
    """All that anybody has changed in the admin. Search for the name of a flag to see its history."""

    list_display = ("action_time", "user", "kind", "which", "change")
    list_filter = ("action_time", "action_flag", ("user", admin.RelatedOnlyFieldListFilter))
    list_select_related = ("user", "content_type")
    search_fields = ("change_message", "object_repr")
    fields = ("action_time", "user", "kind", "which", "change")
    readonly_fields = ("kind", "which", "change")

    @admin.display(description="kind", ordering="content_type")
    def kind(self, entry: LogEntry) -> str:
        return entry.content_type.name if entry.content_type else "-"

    @admin.display(description="which", ordering="object_repr")
    def which(self, entry: LogEntry) -> str:
        return entry.object_repr

    @admin.display(description="change")
    def change(self, entry: LogEntry) -> str:
        return entry.get_change_message() or entry.get_action_flag_display()


class Latest(NamedTuple):
    """The latest change of one field. `old`, `new`: in words."""

    at: datetime
    who: str
    old: str
    new: str


def latest_changes(entries: Iterable[LogEntry]) -> dict[str, Latest]:
    """By field. `entries`: the latest first."""
    found: dict[str, Latest] = {}
    for entry in entries:
        for name, (old, new) in changes_of(entry).items():
            found.setdefault(name, Latest(entry.action_time, str(entry.user), old, new))
    return found


def words(value: Any) -> str:
    """As people write it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None or value == "":
        return "empty"
    return f"{value:,}" if isinstance(value, int | float) else str(value)


def message(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """In the form of LogEntry.change_message: Django shows `fields`, changes_of() reads `values`."""
    values = {change.name: [words(change.old), words(change.new)] for change in changes}
    return [{"changed": {"fields": [str(change) for change in changes], "values": values}}]


def changes_of(entry: LogEntry) -> dict[str, tuple[str, str]]:
    """Old and new value of each field that the entry changed, in words; empty for entries of another form."""
    try:
        parts = json.loads(entry.change_message)
    except ValueError:
        return {}
    found: dict[str, tuple[str, str]] = {}
    for part in parts if isinstance(parts, list) else ():
        changed = part.get("changed") if isinstance(part, Mapping) else None
        values = changed.get("values") if isinstance(changed, Mapping) else None
        found |= {name: (old, new) for name, (old, new) in (values or {}).items()}
    return found
