"""Parameters that choose rows, and the Search that they are."""

from collections.abc import Mapping
from typing import Any

from api.params.fields import SHOWN, Boolean, Choice, FilterField, Repeatable, Text, Value
from api.params.notes import notes
from api.params.pseudonyms import PseudonymParams
from api.params.strict import Faults, WindowParams
from lake.flags.definitions import Flags
from lake.query import parser
from lake.query.filter_values import QueryError
from lake.query.filters import FILTERS, FilterSpec
from lake.query.spec import CLOCKS, EVERYTHING, OPTED_OUT, WITHHELD, Search
from lake.query.sql import check_dataset
from lake.query.tree import And
from lake.scan.hit import COMMON_FIELDS, FIELDS
from lake.schema import DATASETS

FILTER_PARAMETERS = tuple(parameter.name for spec in FILTERS.values() for parameter in spec.parameters)
_QUERY = ("text", *FILTER_PARAMETERS)  # each is validated to a node of the query


class QueryParams(PseudonymParams, WindowParams):
    """What every search takes."""

    text = Text(
        "search",
        default="",
        help_text='What to search for: words, "phrases", AND, OR, -not, ( ), *, #tag, from:, lang: ...',
    )
    exact = Boolean(default=False, help_text="The whole of text is one phrase, bounded by non-letters.")
    dataset = Choice(list(DATASETS), default="posts", help_text="Kind of rows.")
    clock = Choice(list(CLOCKS), default="seen", help_text="The clock of start, end and sort: server's or author's.")

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        first = {name: fields.pop(name) for name in ("text", "exact", "dataset")}
        last = {"pseudonyms": fields.pop("pseudonyms")}
        return first | fields | _filter_fields() | last

    def combined(self, values: dict[str, Any]) -> tuple[dict[str, Any], Faults]:
        """`text` becomes its tree; `notes`: on all of the query."""
        values, faults = super().combined(values)
        text, values["text"] = values["text"], EVERYTHING
        for name in _QUERY:
            try:
                if name == "text":
                    values["text"] = parser.parse(text, values["exact"])
                check_dataset(values[name], DATASETS[values["dataset"]])
            except QueryError as error:
                faults[name] = [f"{error}."]
        values["notes"] = [] if faults else notes("" if values["exact"] else text, [values[name] for name in _QUERY])
        if values["clock"] == "created" and values["dataset"] == "deletes":
            faults["clock"] = ["deletes have no createdAt: use clock=seen."]
        return values, faults


class RowsParams(QueryParams):
    """What searches that answer with rows take."""

    sort = Choice(["newest", "oldest"], default="newest", help_text="By the clock, then did and rkey.")

    def get_fields(self) -> dict[str, Any]:
        """With `fields`, which would hide an attribute of serializers."""
        fields = Repeatable(child=Text("columns"), default=list, help_text="Columns to return, separated by commas.")
        return super().get_fields() | {"fields": fields}

    def columns(self, dataset: str) -> list[str]:
        """Those that a row may have, in order."""
        return result_columns(dataset)

    def combined(self, values: dict[str, Any]) -> tuple[dict[str, Any], Faults]:
        """`fields` becomes the columns, by default all."""
        values, faults = super().combined(values)
        known = self.columns(values["dataset"])
        chosen = [name.strip() for names in values["fields"] for name in names.split(",") if name.strip()]
        if unknown := [name for name in chosen if name not in known]:
            faults["fields"] = [f"{unknown[0][:SHOWN]!r} is not a column of {values['dataset']}: {', '.join(known)}."]
        if values["seed"] and not values["sample"]:
            faults["seed"] = ["needs sample: the number of hits to draw."]
        return values | {"fields": [name for name in known if name in chosen] or known}, faults


def to_search(values: Mapping[str, Any], flags: Flags) -> Search:
    """The search of validated parameters. Its query may still name handles."""
    nodes = (values[name] for name in _QUERY)
    return Search(
        And(tuple(node for node in nodes if node != EVERYTHING)),
        values["dataset"],
        values["start"],
        values["end"],
        clock=values["clock"],
        newest=values.get("sort") != "oldest",
        hide=flags.hide_deleted,
        timeout=flags.query_timeout_seconds,
        withhold=withhold(flags),
    )


def withhold(flags: Flags) -> tuple[str, ...]:
    """The lists whose accounts do not show to the reader for whom these flags were read."""
    return WITHHELD if flags.honor_no_unauthenticated else (OPTED_OUT,)


def result_columns(dataset: str) -> list[str]:
    """The columns of a result, in order."""
    return [*COMMON_FIELDS, *FIELDS[dataset], *(["url"] if dataset == "posts" else [])]


def _filter_fields() -> dict[str, FilterField]:
    return {
        parameter.name: FilterField(kind, child=_value_field(kind, spec), help_text=parameter.help)
        for kind, spec in FILTERS.items()
        for parameter in spec.parameters
    }


def _value_field(kind: str, spec: FilterSpec) -> Choice | Text:
    if spec.choices:
        return Choice(spec.choices)
    return Value(spec.value, kind)
