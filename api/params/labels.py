"""Labels that are sent, as JSON: {"labels": [{"uri": ..., "label": ...}, ...]}."""

from typing import Any

from django.http import HttpRequest
from rest_framework.exceptions import ValidationError

from api.params.request_values import BODY, read_json

MOST_LABELS = 10_000  # of one request


def sent_labels(request: HttpRequest) -> list[dict[str, Any]]:
    """Raises ValidationError unless the body is of this shape. What is in the objects is not looked at."""
    body, fault = read_json(request)
    if fault:
        raise ValidationError({BODY: [fault]})
    if unknown := [name for name in body if name != "labels"]:
        raise ValidationError({unknown[0][:100]: ["unknown parameter; these are known: labels."]})
    labels = body.get("labels")
    if not isinstance(labels, list) or not all(isinstance(one, dict) for one in labels):
        raise ValidationError({"labels": ['must be a list of objects, such as {"uri": "at://...", "label": "toxic"}.']})
    if len(labels) > MOST_LABELS:
        raise ValidationError(
            {"labels": [f"has {len(labels)} labels, at most {MOST_LABELS} are allowed: send several."]}
        )
    return labels
