"""The groups of the admin: `operator` changes flags, limits and keys and asks for actions; `read-only` sees everything.

Django creates permissions after the last migration, so that a new catalog has none yet: those that are missing are created
here, as Django would. Run again, it only adds what is missing: whatever an admin has added to a group stays.
"""

from typing import Any

from django.db import migrations

VIEWED = {
    "lake": (
        *("batchrun", "datafile", "indexfile", "tombstone", "inactiveaccount"),
        *("retention", "export", "request", "catalogidentity"),
    ),
    "ingest": ("connection", "checkpoint"),
    "api": ("apikey",),
    "admin": ("logentry",),
    "constance": ("constance",),
}
READ_ONLY = [(app, model, f"view_{model}") for app, models in VIEWED.items() for model in models]
READ_ONLY += [("constance", "constance", "view_config")]
OPERATOR = [
    *READ_ONLY,
    ("constance", "constance", "change_config"),
    ("lake", "request", "add_request"),
    ("lake", "retention", "add_retention"),
    ("lake", "retention", "change_retention"),
    ("api", "apikey", "add_apikey"),
    ("api", "apikey", "change_apikey"),
]
GROUPS = {"read-only": READ_ONLY, "operator": OPERATOR}


def create(apps: Any, _schema_editor: Any = None) -> None:
    for name, wanted in GROUPS.items():
        group, _ = apps.get_model("auth", "Group").objects.get_or_create(name=name)
        group.permissions.add(*(permission(apps, *one) for one in wanted))


def permission(apps: Any, app: str, model: str, codename: str) -> Any:
    kind, _ = apps.get_model("contenttypes", "ContentType").objects.get_or_create(app_label=app, model=model)
    action, _, what = codename.partition("_")
    noun = apps.get_model(app, model)._meta.verbose_name_raw if what == model else what
    found, _ = apps.get_model("auth", "Permission").objects.get_or_create(
        content_type=kind, codename=codename, defaults={"name": f"Can {action} {noun}"}
    )
    return found


class Migration(migrations.Migration):
    dependencies = [
        ("api", "0002_key_rate"),
        ("lake", "0006_requests_with_arguments"),
        ("ingest", "0001_initial"),
        ("constance", "0003_drop_pickle"),
        ("admin", "0003_logentry_add_action_flag_choices"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(create, migrations.RunPython.noop)]
