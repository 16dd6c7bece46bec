"""/api/schema: what the endpoints take, from api.params.serializers, and what they answer, from api.schema.shapes. The
endpoints themselves are in api.schema.endpoints."""

from collections.abc import Sequence
from functools import cache
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema

from api.params.fields import (
    MAX_VALUES,
    Boolean,
    Choice,
    FilterField,
    Integer,
    Matching,
    Repeatable,
    Text,
    Timestamp,
)
from api.params.strict import StrictSerializer
from api.schema.endpoints import JSON, Endpoint
from api.schema.shapes import SCHEMAS, Schema, nullable

_EXPORT_ID = {"type": "string", "pattern": "^[0-9a-f]{32}$"}

_ERRORS: dict[int, tuple[str, str]] = {
    400: ("BadRequest", "Something asked is wrong. `details` has every fault, by parameter."),
    401: ("Unauthorized", "An API key is needed, or the one that was sent is not valid."),
    403: ("Forbidden", "This is switched off."),
    404: ("NotFound", "Nobody is known by that handle, or there is nothing by that id."),
    413: ("TooLarge", "The body is too large: ask in several requests."),
    414: ("TooLong", "The address is longer than 8190 bytes: use POST. The web server itself says so, without JSON."),
    429: ("TooManyRequests", "The rate is reached: `Retry-After` says when to come back."),
    500: ("InternalError", "An error of the service. It is logged under `request_id`."),
    503: ("Unavailable", "The time or memory limit was reached, too much is asked at once, or the data can't be read."),
}
EVERYWHERE = ("RequestId", "Rate", "Left")
ALWAYS = (400, 401, 429, 500, 503)  # errors that every endpoint may answer
_HEADERS: dict[str, tuple[str, str]] = {
    "RequestId": ("X-Request-Id", "Of this request, as in errors and in the log."),
    "Rate": ("X-RateLimit-Limit", "Requests a minute; none where there is no limit."),
    "Left": ("X-RateLimit-Remaining", "Requests that are left in this minute."),
    "RetryAfter": ("Retry-After", "Seconds."),
    "Authenticate": ("WWW-Authenticate", "Bearer."),
    "Disposition": ("Content-Disposition", "Name of the file, with the date of today."),
    "ExportId": ("X-Export-Id", "Of its manifest."),
}


class Key(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """None, or one in either header."""

    target_class = "api.access.keys.KeyAuthentication"
    name = ["bearer", "header"]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[Any]]]:
        return [{}, {"bearer": []}, {"header": []}]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[Schema]:
        why = "An API key. Needed while anonymous access is off; it has a rate of its own."
        return [
            {"type": "http", "scheme": "bearer", "description": why},
            {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": why},
        ]


class SchemaOfView(AutoSchema):
    """Endpoints are named by their paths. The errors that a view may answer are in its `errors`."""

    def get_operation_id(self) -> str:
        parts = [part for part in self.path.strip("/").split("/") if part not in ("api", "v1") and "{" not in part]
        return "_".join([*parts, *(["one"] if "{" in self.path else []), self.method.lower()])

    def get_tags(self) -> list[str]:
        return [self.path.removeprefix("/api/v1/").split("/")[0]]

    def get_operation(self, *args: Any) -> Any:
        operation = super().get_operation(*args)
        if operation:
            for answer in operation["responses"].values():
                answer["headers"] = _headers(*EVERYWHERE, *getattr(self.view, "headers_of_answer", ()))
            statuses = {*ALWAYS, *getattr(self.view, "errors", ()), 413 if self.method == "POST" else 414}
            operation["responses"] |= {
                str(status): {"$ref": f"#/components/responses/{_ERRORS[status][0]}"} for status in sorted(statuses)
            }
            for body in operation.get("requestBody", {}).get("content", {}).values():
                operation["requestBody"]["required"] = "required" in body["schema"]
        return operation


def versioned(endpoints: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Of the routes, those below /api/v1: the unversioned ones are the same again."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith("/api/v1/")]


def with_components(result: Schema, **_: Any) -> Schema:
    """What the operations refer to."""
    components = result["components"]
    components["schemas"] = components.get("schemas", {}) | SCHEMAS
    components["headers"] = {
        name: {"description": why, "schema": {"type": "string"}, "required": name not in ("Rate", "Left")}
        for name, (_, why) in _HEADERS.items()
    }
    components["responses"] = {name: _error(status, why) for status, (name, why) in _ERRORS.items()}
    return result


def _error(status: int, why: str) -> Schema:
    if status == 414:
        return {"description": why, "content": {"text/html": {"schema": {"type": "string"}}}}
    own = {401: ["Authenticate"], 429: ["RetryAfter"], 503: ["RetryAfter"]}.get(status, [])
    return {
        "description": why,
        "headers": _headers(*EVERYWHERE, *own),
        "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}},
    }


def _headers(*names: str) -> Schema:
    return {_HEADERS[name][0]: {"$ref": f"#/components/headers/{name}"} for name in names}


@cache
def schema() -> Schema:
    """The same for everybody: it takes some 0.2 s to make."""
    found: Schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    return found


# --- parameters -------------------------------------------------------------------------------------------------


def value(field: Any) -> Schema:
    """Of one value, as JSON Schema."""
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
        case Matching():
            return {"type": "string", "pattern": f"^({field.pattern})$"}
        case Text():
            return {"type": "string", **({"format": field.kind} if field.kind else {"pattern": r"^[^\x00]*$"})}
        case FilterField():
            return _excludable(value(field.child))
    return value(field.child)


def _excludable(schema: Schema) -> Schema:
    """With a minus before it, too."""
    if "enum" in schema:
        return {**schema, "enum": [sign + text for sign in ("", "-") for text in schema["enum"]]}
    if "pattern" in schema:
        return {**schema, "pattern": f"^-?{schema['pattern'][1:]}"}
    return schema


def in_query(field: Any) -> Schema:
    """How many values it may have is bounded by the address's length."""
    if isinstance(field, Repeatable):
        return {"type": "array", "items": value(field)}
    return value(field) | _default(field)


def in_body(field: Any) -> Schema:
    """null is as good as none."""
    if isinstance(field, Repeatable):
        several = {"type": "array", "items": value(field), "maxItems": MAX_VALUES}
        if field.required:
            return {"anyOf": [value(field), {**several, "minItems": 1}]}
        return {"anyOf": [value(field), several, {"type": "null"}]}
    schema = nullable(value(field)) | _default(field)
    if "enum" in schema:
        schema["enum"] = [*schema["enum"], None]
    if len(field.json) > 1:
        schema["type"] = ["string", "integer", "null"]
    return schema


def _default(field: Any) -> Schema:
    default = field.get_default() if not field.required else None
    return {} if default in (None, "") else {"default": default}


def _from_query(params: type[StrictSerializer]) -> list[OpenApiParameter]:
    return [
        OpenApiParameter(name, in_query(field), description=str(field.help_text), required=field.required)
        for name, field in params().fields.items()
    ]


def body(params: type[StrictSerializer]) -> Schema:
    fields = params().fields
    properties = {name: in_body(field) | {"description": str(field.help_text)} for name, field in fields.items()}
    required = [name for name, field in fields.items() if field.required]
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return found | ({"required": required} if required else {})


def described(params: type[StrictSerializer] | None, endpoint: Endpoint) -> Any:
    """For a view whose GET takes its parameters in the query and whose POST takes them as JSON. None: it takes one in
    its path."""

    def describe(view: Any) -> Any:
        view.errors, view.headers_of_answer = endpoint.errors, endpoint.headers
        for method in ("GET", "POST"):
            view = extend_schema(methods=[method], **_operation(params, endpoint, method))(view)
        return view

    return describe


def _operation(params: type[StrictSerializer] | None, endpoint: Endpoint, method: str) -> dict[str, Any]:
    asks: dict[str, Any] = {"summary": endpoint.summary, "description": endpoint.description}
    if params is None:
        asks["parameters"] = [OpenApiParameter("export", _EXPORT_ID, OpenApiParameter.PATH, description="X-Export-Id.")]
    elif method == "GET":
        asks["parameters"] = _from_query(params)
        asks["description"] += f"\n\nFor example `?{endpoint.ask}`."
    else:
        asks["summary"] += " Parameters as JSON."
        asks["request"] = {JSON: body(params)}
    asked = [OpenApiExample(name, value, request_only=True) for name, value in endpoint.bodies.items()]
    found = {
        (200, media): OpenApiResponse(
            shape, "What was found.", [OpenApiExample("An answer", example)] if example else []
        )
        for media, (shape, example) in endpoint.answers.items()
    }
    return {**asks, "examples": asked, "responses": found}
