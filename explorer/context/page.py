"""What the pages around a post have in common: one thing that is asked for, and a form to ask for another one."""

import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any, TypeVar

from rest_framework.request import Request

from api.answers.errors import Problem
from api.answers.page import answer_page
from api.params.request_values import RequestValues, read_request
from api.params.search import SearchParams
from api.params.strict import StrictSerializer
from explorer.page_view import Page, PageResponse

P = TypeVar("P", bound=StrictSerializer)


class ContextPage(Page):
    """`template`: has a form for the parameter `asks`, and shows a `problem`."""

    template = ""
    asks = "uri"
    besides: tuple[str, ...] = ()  # parameters of the page alone

    @cached_property
    def given(self) -> RequestValues:
        return read_request(self.request)

    def first(self, name: str) -> str:
        return next(iter(self.given.values.get(name, [])), "")

    def validated(self, kind: type[P], request: Request) -> P:
        values = {name: texts for name, texts in self.given.values.items() if name not in self.besides}
        params = kind(data=self.given._replace(values=values), context={"flags": self.flags})
        params.is_valid(raise_exception=True)
        return params

    def shown(self, context: Mapping[str, Any], status: int = 200) -> PageResponse:
        return self.html(self.template, {"form": self.first(self.asks), **context}, status)

    def failed(self, told: Problem) -> PageResponse:
        """With the form, so that what is wrong can be mended."""
        return super().failed(told) if told.status in (401, 429) else self.shown({"problem": told}, told.status)

    def hits_of(self, **asked: str) -> dict[str, Any]:
        """What /search answers to these parameters."""
        given = RequestValues({name: [text] for name, text in asked.items() if text}, {})
        params = SearchParams(data=given, context={"flags": self.flags})
        params.is_valid(raise_exception=True)
        deadline = time.monotonic() + self.flags.query_timeout_seconds
        return answer_page(params.validated_data, self.flags, deadline)
