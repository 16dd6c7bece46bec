"""Both groups of the admin see what labels were imported, and which wait for their posts."""

from importlib import import_module
from typing import Any

from django.db import migrations

groups = import_module("api.migrations.0003_groups")
VIEWED = ("labelimport", "waitinglabel")


def create(apps: Any, _schema_editor: Any = None) -> None:
    for name in groups.GROUPS:
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*(groups.permission(apps, "lake", model, f"view_{model}") for model in VIEWED))


class Migration(migrations.Migration):
    dependencies = [("api", "0003_groups"), ("lake", "0010_labels")]

    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
