"""Why a search has found nothing, and what to try. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from explorer.search.address import Address
from explorer.search.form import chips

Span = tuple[datetime, datetime]  # of the first and the newest row


class Advice(NamedTuple):
    label: str
    href: str


def reasons(hidden: int, covered: Mapping[str, Any], span: Span | None) -> Iterator[str]:
    """`hidden`: hits that do not show. `covered`: the coverage of the dates asked for."""
    if span is None:
        yield "Nothing has been collected yet: the status page says what works."
        return
    if hidden:
        yield (
            f"{hidden:,} {'post matches and is' if hidden == 1 else 'posts match and are'} not shown: deleted by their "
            "authors, replaced by a newer version, or of accounts that are not active."
        )
    if not covered["minutes_with_data"]:
        yield f"There are no data in these dates. What is here was seen from {_shown(span[0])} to {_shown(span[1])}."
    elif missing := covered["minutes"] - covered["minutes_with_data"]:
        yield (
            f"{missing:,} of the {covered['minutes']:,} minutes of these dates have no data: what was posted then is "
            "not here."
        )


def advice(address: Address) -> list[Advice]:
    """Searches that ask for less, the likeliest first."""
    found = []
    if address.first("exact"):
        found.append(Advice("without “exact phrase”", address.having(exact="").at()))
    text = address.first("text")
    words = [word for word in text.split() if word.lower() not in ("or", "and")]
    if len(words) > 1 and not address.first("exact") and not set('"():-') & set(text) and " OR " not in text:
        found.append(Advice("with any of the words", address.having(text=" OR ".join(words)).at()))
    if address.first("start") and address.first("end"):
        found.append(Advice("without dates", address.having(start="", end="").at()))
    found += [Advice(f"without {_worded(chip)}", chip.href) for chip in chips(address)]
    if address.first("clock") == "created":
        found.append(Advice("by when posts were seen", address.having(clock="").at()))
    return found


def _worded(chip: Any) -> str:
    return f"“{'not ' if chip.excludes else ''}{chip.name} {chip.value}”"


def _shown(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"
