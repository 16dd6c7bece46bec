"""Parameters as JSON Schema: in the query of a GET, and in the JSON of a POST."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema

from api.params.fields import Boolean, Choice, FilterField, Integer, Repeatable, Seed, Timestamp, Value
from api.schema.forms import Schema
from lake.query.filters import synonyms


class ParamsSchema(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    """Parameters by name and by synonym, and no others."""

    target_class = "api.params.strict.StrictSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: str) -> Schema:
        to_schema = _in_body if auto_schema.method == "POST" else _in_query
        fields = self.target.fields
        properties = {name: to_schema(field) | _default(field) for name, field in fields.items()}
        for name, field in fields.items():
            properties[name]["description"] = str(field.help_text)
            same = {"description": f"The same as {name}."}
            properties |= {synonym: to_schema(field) | same for synonym in synonyms(name)}
        required = [name for name, field in fields.items() if field.required]
        schema = {"type": "object", "properties": properties, "additionalProperties": False}
        return schema | ({"required": required} if required else {})


def _default(field: Any) -> Schema:
    default = None if field.required or isinstance(field, Repeatable) else field.get_default()
    return {} if default in (None, "") else {"default": default}


def _in_query(field: Any) -> Schema:
    """The length of the address bounds the number of values."""
    return {"type": "array", "items": _value(field)} if isinstance(field, Repeatable) else _value(field)


def _in_body(field: Any) -> Schema:
    value = _value(field)
    allowed = [value]
    if isinstance(field, Repeatable):
        allowed.append({"type": "array", "items": value, "minItems": int(field.required), "maxItems": field.most})
    if isinstance(field, Seed):
        allowed.append({"type": "integer"})
    if not field.required:
        allowed.append({"type": "null"})  # counts as absent
    return {"anyOf": allowed}


def _value(field: Any) -> Schema:
    """One value."""
    match field:
        case Boolean():
            return {"type": "boolean"}
        case Integer():
            bounds = {"minimum": field.min_value, "maximum": field.max_value}
            return {"type": "integer", **{name: bound for name, bound in bounds.items() if bound is not None}}
        case Choice():
            return {"type": "string", "enum": list(field.choices)}
        case Timestamp():
            return {"type": "string", "anyOf": [{"format": "date"}, {"format": "date-time"}]}
        case Value() if field.value.pattern:
            return {"type": "string", "pattern": f"^({field.value.pattern})$"}
        case FilterField():
            return _excludable(_value(field.child))
        case Repeatable():
            return _value(field.child)
    return {"type": "string", **({"format": field.kind} if field.kind else {"pattern": r"^[^\x00]*$"})}


def _excludable(schema: Schema) -> Schema:
    """The same, or with a minus before it."""
    match schema:
        case {"enum": choices}:
            return schema | {"enum": [*choices, *(f"-{choice}" for choice in choices)]}
        case {"pattern": pattern}:
            return schema | {"pattern": f"^-?{pattern[1:]}"}
    return schema
