"""Views of labels: which there are, and those that are sent."""

from collections.abc import Mapping
from typing import Any

from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from api.access.keys import HOW
from api.answers import labels
from api.models import ApiKey
from api.params.labels import sent_labels
from api.params.strict import WindowParams
from api.schema.label_endpoints import NAMES, SENT
from api.views.view import AnswerView, View


@NAMES
class LabelNamesView(AnswerView):
    query = "labels"
    params = WindowParams

    def answer(self, values: Mapping[str, Any], _deadline: float) -> dict[str, Any]:
        return labels.names(values)


@SENT
class LabelsView(View):
    """POST only, by a key that may."""

    http_method_names = ["post"]

    def post(self, request: Request) -> Response:
        key = request.auth
        if not isinstance(key, ApiKey):
            raise NotAuthenticated(f"Labels are taken from API keys that may send them: send one {HOW}.")
        if not key.may_label:
            raise PermissionDenied(
                f"The API key {key.prefix}… may not send labels: the operator can allow it, in the admin.",
                "may_not_label",
            )
        return Response(labels.accepted(sent_labels(request)), status=202)
