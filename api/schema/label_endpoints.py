"""What /api/schema says of the endpoints of labels."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema

from api.params.labels import MOST_LABELS
from api.params.strict import WindowParams
from api.schema.forms import SCORE, TIME, Shape, documented, null_or, nullable, shape
from api.schema.openapi import JSON, described, error_answers
from api.schema.shapes import POST_URI, TOOK

_DAYS: dict[str, Any] = {"start": "2026-07-01", "end": "2026-07-31"}
_SHARE = Shape(SCORE, 0.1)
_NAMES = shape(
    results=[
        shape(
            name="toxic",
            model=nullable("model-x"),
            posts=documented(340_000, "How many have it."),
            labels=documented(341_000, "With those that later ones replaced."),
            first=documented(Shape(null_or(TIME), "2026-07-02T08:00:00.000000Z"), "When the first of them was made."),
            last=Shape(null_or(TIME), "2026-07-20T08:00:00.000000Z"),
        )
    ],
    days=[
        shape(
            day=Shape({"type": "string", "format": "date"}, "2026-07-01"),
            posts=documented(3_400_000, "All versions, the hidden ones too."),
            labelled=documented(340_000, "Those that have any label."),
            share=_SHARE,
        )
    ],
    meta=shape(start=nullable("2026-07-01T00:00:00Z"), end=nullable("2026-08-01T00:00:00Z"), took_ms=TOOK),
)
NAMES = described(
    "Which labels there are.",
    "Names and models of the labels of a window's posts, the most frequent first, and the share of each day's posts "
    "that have any. By default of the last 30 days. Whole hours are counted, by the clock `seen`.",
    WindowParams,
    {JSON: _NAMES},
    query="start=2026-07-01&end=2026-07-31",
    bodies={"a month": _DAYS},
)
_SENT = {
    "type": "object",
    "required": ["labels"],
    "additionalProperties": False,
    "properties": {"labels": {"type": "array", "maxItems": MOST_LABELS, "items": {"type": "object"}}},
}
_ACCEPTED = shape(
    accepted=documented(1, "Labels that are taken: beside their posts within seconds, or waiting for them for a day."),
    rejected=1,
    reasons=[shape(index=documented(1, "Of the label in the request, from 0."), reason="score is not between 0 and 1")],
)
_SOME = {
    "labels": [
        {"uri": POST_URI, "label": "toxic", "score": 0.93, "model": "model-x", "version": "2"},
        {"uri": POST_URI, "label": "lang", "value": "ja", "labelled_at": "2026-07-02T08:00:00Z"},
    ]
}
SENT = extend_schema(
    methods=["POST"],
    summary="Send labels of posts.",
    description=f"Up to {MOST_LABELS:,}, each with `uri` and `label`, and perhaps `score` (0 to 1), `value`, `model`, "
    "`version` and `labelled_at`. Needs an API key that may send labels.",
    request={JSON: _SENT},
    examples=[OpenApiExample("two labels", _SOME, request_only=True)],
    responses={
        (202, JSON): OpenApiResponse(_ACCEPTED.schema, "Taken.", [OpenApiExample("An answer", _ACCEPTED.example)]),
        **error_answers(400, 401, 403, 413, 429, 500, 503),
    },
)
