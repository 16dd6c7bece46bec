"""What the page and its parts have in common: one URL, of which each view of the API gets the parameters it knows."""

from functools import cached_property
from typing import TypeVar

from rest_framework.request import Request

from api.answers.errors import TIMEOUTS, Problem
from api.params.request_values import RequestValues, read_request
from api.params.search import SearchParams
from api.params.strict import StrictSerializer
from api.views.view import View
from explorer.page_view import Fragment, Page, PageResponse
from explorer.search.address import Address
from lake.flags.definitions import Flags

P = TypeVar("P", bound=StrictSerializer)

OWN = ("with", "longer", "last", "by")  # parameters of the page alone


class OfSearch(Page):
    """The page, or a part of it. `seconds`: its time limit unless the URL says longer=true, in which case it is the
    one of the service."""

    seconds = 5.0

    @cached_property
    def flags(self) -> Flags:
        found: Flags = View.flags.func(self)  # type: ignore[attr-defined]
        limit = found.query_timeout_seconds
        return found if self.patient else found._replace(query_timeout_seconds=min(limit, self.seconds))

    @cached_property
    def values(self) -> RequestValues:
        return read_request(self.request)

    @cached_property
    def patient(self) -> bool:
        return self.values.values.get("longer") == ["true"]

    @cached_property
    def address(self) -> Address:
        """Parameters by the names of the API, without those of the page."""
        return Address.of(_search_params(self.values).given())

    def validated(self, kind: type[P], request: Request) -> P:
        """Of those parameters of the page that the view knows; a name that nobody knows stays a fault."""
        params = kind(data=self.own(kind), context={"flags": self.flags})
        params.is_valid(raise_exception=True)
        return params

    def own(self, kind: type[StrictSerializer]) -> RequestValues:
        known = kind(data=None, context={"flags": self.flags}).fields
        unknown = _search_params(self.values).unknown(self.values.values)
        given = {name: list(texts) for name, texts in self.address.values.items() if name in known}
        strange = {name: texts for name, texts in self.values.values.items() if name in unknown and name not in OWN}
        return RequestValues(given | strange, self.values.faults)


class Part(OfSearch, Fragment):
    """Arrives after the page. When it takes longer than its time limit, it offers to be waited for."""

    title = ""

    def failed(self, told: Problem) -> PageResponse:
        if told.code in TIMEOUTS and not self.patient:
            context = {"title": self.title, "seconds": round(self.seconds), "again": self.again(longer="true")}
            return self.html("explorer/longer.html", context)
        return self.html(self.error_template, {"problem": told, "title": self.title}, told.status)

    def again(self, **changes: str) -> str:
        """The URL of this part, with these parameters of the page."""
        own = {name: texts[0] for name, texts in self.values.values.items() if name in OWN and texts}
        return Address.of({**self.address.values, **{name: (text,) for name, text in (own | changes).items()}}).at(
            self.request.path
        )


def _search_params(values: RequestValues) -> SearchParams:
    """To ask which parameters there are: nothing is validated."""
    return SearchParams(data=values, context={"flags": Flags()})
