"""Whether the code of the last release goes on working when a migration of now has changed its catalog."""

from django.db.migrations.operations import (
    AddField,
    AddIndex,
    AlterField,
    AlterModelManagers,
    AlterModelOptions,
    CreateModel,
    SeparateDatabaseAndState,
)
from django.db.models import NOT_PROVIDED

HARMLESS = (CreateModel, AddIndex, AlterModelManagers, AlterModelOptions)
OF_CODE_ALONE = {"default", "max_length"}  # SQLite holds no length


def problems(operation, state, app):
    """Sentences; `state`: the models before it."""
    if isinstance(operation, SeparateDatabaseAndState):
        return [found for inner in operation.database_operations for found in problems(inner, state, app)]
    if isinstance(operation, AddField):
        return _of_new(operation)
    if isinstance(operation, AlterField):
        return _of_altered(operation, state.models[app, operation.model_name_lower].get_field(operation.name))
    return [] if isinstance(operation, HARMLESS) else [f"{_name(operation)} is not known to disturb no older code"]


def _name(operation):
    return f"{type(operation).__name__} ({operation.describe()})"


def _of_new(operation):
    field = operation.field
    if field.many_to_many or field.null or field.db_default is not NOT_PROVIDED:
        return []
    return [f"{_name(operation)}: older code inserts rows without it. Give it null=True or a db_default"]


def _of_altered(operation, old):
    before, after = _column(old), _column(operation.field)
    changed = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return [f"{_name(operation)}: changes {', '.join(changed)} of a column that older code uses"] if changed else []


def _column(field):
    _, path, arguments, options = field.deconstruct()
    of_code = OF_CODE_ALONE | set(field.non_db_attrs)
    return {"type": (path, arguments), **{name: value for name, value in options.items() if name not in of_code}}
