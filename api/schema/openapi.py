"""/api/schema, OpenAPI 3.1: what every operation has in common. api.schema.endpoints describes each of them."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, TypeVar

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.views import APIView

from api.params.strict import StrictSerializer
from api.schema import parameters  # noqa: F401 - registers the extension that maps them
from api.schema.forms import TEXT, Schema, Shape
from api.schema.lookups import listed_row
from api.schema.shapes import SCHEMAS

JSON = "application/json"
V = TypeVar("V", bound=type[APIView])

_ERRORS = {
    400: "Parameters are wrong. `details` has every fault, by parameter.",
    401: "An API key is needed, or the one that was sent is not valid.",
    403: "This is switched off.",
    404: "No account has this handle, or nothing has this id.",
    413: "The body is too large: split the request.",
    416: "The client has the whole file already.",
    429: "The rate limit is reached: `Retry-After` says when to continue.",
    500: "An error of the service. It is logged under `request_id`.",
    503: "The time or memory limit was reached, too many requests are running, or the data can't be read.",
}
_ALWAYS = (400, 401, 429, 500, 503)  # errors of every operation
_ERROR = {"$ref": "#/components/schemas/Error"}
_TOO_LONG = "The address is longer than 8190 bytes: use POST. The web server itself answers, without JSON."
_STATUSES = (200, *_ERRORS)


def header(name: str, description: str, statuses: Sequence[int], required: bool = True) -> OpenApiParameter:
    """A header of the answers with one of these statuses."""
    return OpenApiParameter(
        name, str, OpenApiParameter.HEADER, response=list(statuses), required=required, description=description
    )


_HEADERS = [
    header("X-Request-Id", "Of this request, as in errors and in the log.", _STATUSES),
    header("X-RateLimit-Limit", "Requests a minute; absent where there is no limit.", _STATUSES, required=False),
    header("X-RateLimit-Remaining", "Requests that are left in this minute.", _STATUSES, required=False),
    header("Retry-After", "Seconds.", [429, 503]),
    header("WWW-Authenticate", "Bearer.", [401]),
]


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """No key, or one in either header."""

    target_class = "api.access.keys.KeyAuthentication"
    name = ["bearer", "header"]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[Any]]]:
        return [{}, {"bearer": []}, {"header": []}]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[Schema]:
        description = "An API key. Needed while anonymous access is off; it has a rate limit of its own."
        return [
            {"type": "http", "scheme": "bearer", "description": description},
            {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": description},
        ]


class ViewSchema(AutoSchema):
    """Operations are named by their paths and have the common headers."""

    def get_operation_id(self) -> str:
        parts = [part for part in self.path.strip("/").split("/") if part not in ("api", "v1") and "{" not in part]
        return "_".join([*parts, *(["one"] if "{" in self.path else []), self.method.lower()])

    def get_override_parameters(self) -> list[Any]:
        return list(_HEADERS)


def versioned(endpoints: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """The routes below /api/v1: the unversioned ones are the same views."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith("/api/v1/")]


def with_components(result: Schema, **_: Any) -> Schema:
    """With the shapes that others refer to."""
    result["components"]["schemas"] |= SCHEMAS | {"ListedRow": listed_row()}
    return result


def described(
    summary: str,
    description: str,
    params: type[StrictSerializer] | OpenApiParameter,
    answers: Mapping[str, Shape],
    *,
    query: str = "",
    bodies: Mapping[str, Any] | None = None,
    errors: tuple[int, ...] = (),
    headers: Sequence[OpenApiParameter] = (),
) -> Callable[[V], V]:
    """Describes a view: its GET takes `params` in the query, its POST as JSON. `answers`: by media type.
    `query`, `bodies`: examples of a GET and, by what they are for, of a POST."""
    success = {
        (200, media): OpenApiResponse(shape, "OK.", [OpenApiExample("An answer", example)] if example else [])
        for media, (shape, example) in answers.items()
    }
    get = extend_schema(
        methods=["GET"],
        summary=summary,
        description=f"{description}\n\nFor example `?{query}`." if query else description,
        parameters=[params, *headers],
        responses={**success, **error_answers(*_ALWAYS, *errors), (414, "text/html"): OpenApiResponse(TEXT, _TOO_LONG)},
    )
    post = extend_schema(
        methods=["POST"],
        summary=f"{summary} Parameters as JSON.",
        description=description,
        request={JSON: params},
        parameters=list(headers),
        examples=[OpenApiExample(name, body, request_only=True) for name, body in (bodies or {}).items()],
        responses={**success, **error_answers(*_ALWAYS, *errors, 413)},
    )
    return lambda view: get(post(view))


def error_answers(*statuses: int) -> dict[int, OpenApiResponse]:
    return {status: OpenApiResponse(_ERROR, _ERRORS[status]) for status in sorted(statuses)}


@cache
def schema() -> Schema:
    """Takes 0.2 s."""
    generated: Schema = SchemaGenerator().get_schema(public=True)  # type: ignore[no-untyped-call]
    return generated
