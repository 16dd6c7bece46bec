"""Migrations since the last release only add, so that an update can be taken back without losing what came since."""

import pytest
from django.db import migrations, models
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.state import ModelState, ProjectState

from tests.releases.__main__ import FOLDER
from tests.releases.additive import problems

APPS = ("api", "ingest", "lake")
RELEASED = (FOLDER / "migrations.txt").read_text().split()
# What older code no longer uses may go, when the last release did without it: the migration, and why.
CONTRACTIONS = {
    "api.0003_groups": "adds rows alone: groups and permissions, of which older code has the tables",
    "api.0004_groups_see_labels": "adds rows alone, as api.0003_groups does",
    "api.0007_consent_groups": "adds rows alone: permissions of the same groups",
}


def since_the_release():
    """Each operation, with the models before it."""
    loader = MigrationLoader(None)
    wanted = [key for key in loader.graph.leaf_nodes() if key[0] in APPS]
    for app, name in loader.graph._generate_plan(wanted, at_end=True):
        migration = loader.graph.nodes[app, name]
        if app not in APPS or f"{app}.{name}" in {*RELEASED, *CONTRACTIONS}:
            continue
        state = loader.project_state([parent.key for parent in loader.graph.node_map[app, name].parents])
        for operation in migration.operations:
            yield f"{app}.{name}", operation, state.clone(), app
            operation.state_forwards(app, state)


def test_migrations_since_the_last_release_only_add():
    found = [f"{name}: {text}" for name, *operation in since_the_release() for text in problems(*operation)]
    assert found == [], "expand first, contract a release later: docs/decisions/0026-updates.md"


def test_a_released_migration_is_never_renamed_or_removed():
    present = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    assert set(RELEASED) <= present


STATE = ProjectState(
    {
        ("lake", "thing"): ModelState(
            "lake", "Thing", [("id", models.AutoField(primary_key=True)), ("a", models.CharField(max_length=9))]
        )
    }
)
THING = "thing"


@pytest.mark.parametrize(
    "operation",
    [
        migrations.CreateModel("Other", []),
        migrations.AddField(THING, "b", models.TextField(null=True)),
        migrations.AddField(THING, "b", models.IntegerField(db_default=0)),
        migrations.AddIndex(THING, models.Index(fields=["a"], name="by_a")),
        migrations.AlterField(THING, "a", models.CharField(max_length=99, help_text="longer", default="x")),
        migrations.AlterModelOptions(THING, {"ordering": ["a"]}),
        migrations.SeparateDatabaseAndState(state_operations=[migrations.RemoveField(THING, "a")]),
    ],
    ids=str,
)
def test_what_only_adds_is_no_problem(operation):
    assert problems(operation, STATE, "lake") == []


@pytest.mark.parametrize(
    "operation",
    [
        migrations.RemoveField(THING, "a"),
        migrations.RenameField(THING, "a", "b"),
        migrations.RenameModel("Thing", "Other"),
        migrations.DeleteModel("Thing"),
        migrations.AddField(THING, "b", models.IntegerField(default=0)),
        migrations.AddField(THING, "b", models.TextField(unique=True)),
        migrations.AlterField(THING, "a", models.CharField(max_length=9, null=True)),
        migrations.AlterField(THING, "a", models.CharField(max_length=9, unique=True)),
        migrations.AlterField(THING, "a", models.IntegerField()),
        migrations.AlterModelTable(THING, "other"),
        migrations.AddConstraint(THING, models.UniqueConstraint(fields=["a"], name="one_a")),
        migrations.RemoveConstraint(THING, "one_a"),
        migrations.RunSQL("DROP TABLE lake_thing"),
        migrations.RunPython(print),
        migrations.SeparateDatabaseAndState(database_operations=[migrations.RemoveField(THING, "a")]),
    ],
    ids=str,
)
def test_what_older_code_may_trip_over_is_a_problem(operation):
    assert len(problems(operation, STATE, "lake")) == 1
