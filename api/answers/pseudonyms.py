"""Answers with pseudonyms, for requests that ask for them."""

from collections.abc import Mapping
from typing import Any

from api.access.keys import pseudonym_secret
from api.answers.usernames import handle_lookup
from lake.pseudonyms import rows
from lake.pseudonyms.names import Pseudonyms


def pseudonyms(values: Mapping[str, Any]) -> Pseudonyms | None:
    """Of validated parameters. None: they ask for none."""
    project = values.get("pseudonyms")
    return None if project is None else Pseudonyms(pseudonym_secret(project), handle_lookup().dids)


def with_pseudonyms(names: Pseudonyms | None, answer: Any) -> Any:
    """The answer, or its part, as it is sent."""
    return answer if names is None else rows.replaced(names, answer)
