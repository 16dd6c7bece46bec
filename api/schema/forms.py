"""JSON Schema made of examples."""

import re
from typing import Any, NamedTuple

Schema = dict[str, Any]


class Shape(NamedTuple):
    schema: Schema
    example: Any


TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "integer", "minimum": 0}
SCORE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
BINARY: Schema = {"type": "string", "format": "binary"}
BOOLEAN: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}
URI: Schema = {"type": "string", "pattern": "^(at://|anon:)"}  # a pseudonym, where those are asked for


def null_or(schema: Schema) -> Schema:
    return {**schema, "type": [schema["type"], "null"]}


def shape(**parts: Any) -> Shape:
    """An object of exactly these properties, each given by an example of it."""
    of = {name: of_example(part) for name, part in parts.items()}
    properties = {name: part.schema for name, part in of.items()}
    schema = {"type": "object", "required": list(of), "properties": properties, "additionalProperties": False}
    return Shape(schema, {name: part.example for name, part in of.items()})


def of_example(example: Any) -> Shape:
    """What the example stands for; a list for lists of its one item. A value that may be something else than its
    example shows is given as a Shape."""
    match example:
        case Shape():
            return example
        case [item]:
            return Shape({"type": "array", "items": of_example(item).schema}, [of_example(item).example])
        case bool():
            return Shape(BOOLEAN, example)
        case int():
            return Shape(NUMBER, example)
        case str() if example.startswith("at://"):
            return Shape(URI, example)
        case str() if re.match(r"\d{4}-\d{2}-\d{2}T", example):
            return Shape(TIME, example)
    return Shape(TEXT, example)


def nullable(example: Any) -> Shape:
    schema, example = of_example(example)
    return Shape(null_or(schema), example)


def choice(example: str, *others: str) -> Shape:
    return Shape({"type": "string", "enum": [example, *others]}, example)


def documented(example: Any, description: str) -> Shape:
    schema, example = of_example(example)
    return Shape({**schema, "description": description}, example)


def by_name(name: str, example: Any) -> Shape:
    """Objects whose names are not known beforehand."""
    schema, example = of_example(example)
    return Shape({"type": "object", "additionalProperties": schema}, {name: example})
