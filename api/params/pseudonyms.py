"""The parameter that asks for pseudonyms, which a key may make a rule."""

from typing import Any, NamedTuple

from api.params.fields import Boolean
from api.params.strict import Faults, StrictSerializer


class Project(NamedTuple):
    """Those who share pseudonyms: the API key of a request, or None. `forced`: all its answers have them."""

    key: Any = None
    forced: bool = False


class PseudonymParams(StrictSerializer):
    """The context may have the `project` of the request."""

    pseudonyms = Boolean(default=False, help_text="Pseudonyms in place of all DIDs, handles and AT-URIs.")

    def combined(self, values: dict[str, Any]) -> tuple[dict[str, Any], Faults]:
        """`pseudonyms` becomes the Project, None without them."""
        values, faults = super().combined(values)
        project: Project = self.context.get("project", Project())
        values["pseudonyms"] = project if values["pseudonyms"] or project.forced else None
        return values, faults
