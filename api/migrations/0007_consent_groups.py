"""Who may see the accounts that are withheld, and who may add opt-outs."""

from importlib import import_module
from typing import Any

from django.db import migrations

VIEWED = [("lake", name, f"view_{name}") for name in ("optout", "signedinonlyaccount")]
CHANGED = [("lake", "optout", f"{action}_optout") for action in ("add", "change", "delete")]
GROUPS = {"read-only": VIEWED, "operator": VIEWED + CHANGED}


def create(apps: Any, _schema_editor: Any = None) -> None:
    groups = import_module("api.migrations.0003_groups")
    for name, wanted in GROUPS.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*(groups.permission(apps, *one) for one in wanted))


class Migration(migrations.Migration):
    dependencies = [("api", "0006_pseudonyms"), ("lake", "0011_withheld_accounts")]

    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
