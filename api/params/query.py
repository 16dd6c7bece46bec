"""Parameters that choose rows, and the Search that they are."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from api.params.fields import SHOWN, Boolean, Choice, FilterField, Moment, Repeatable, TermList, Text, Value
from api.params.notes import notes
from api.params.pseudonyms import PseudonymParams
from api.params.strict import Faults, WindowParams
from lake.catalog import clock
from lake.export.columns import LABELS
from lake.flags.definitions import Flags
from lake.labelfilter.thresholds import parse_thresholds
from lake.query import parser
from lake.query.filter_values import QueryError
from lake.query.filters import FILTERS, FilterSpec
from lake.query.spec import CLOCKS, EVERYTHING, LAST_US, OPTED_OUT, WITHHELD, Search
from lake.query.sql import check_dataset, named_terms
from lake.query.tree import And
from lake.scan.hit import COMMON_FIELDS, FIELDS
from lake.schema import DATASETS
from process.instants import iso_us, microseconds

FILTER_PARAMETERS = tuple(parameter.name for spec in FILTERS.values() for parameter in spec.parameters)
_QUERY = ("text", "any", *FILTER_PARAMETERS)  # each is validated to a node of the query


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
    as_of = Moment(default=None, help_text="The answer as it was at that moment, less what was deleted since.")

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        first = {name: fields.pop(name) for name in ("text", "exact")}
        alternatives = TermList(
            child=Text("item"),
            default=list,
            help_text="One of these is in the text: each is a word or a phrase, with * or exact: before it, or a #tag.",
        )
        last = {"pseudonyms": fields.pop("pseudonyms")}
        return first | {"any": alternatives} | fields | _filter_fields() | last

    def combined(self, values: dict[str, Any]) -> tuple[dict[str, Any], Faults]:
        """`text` and `any` become trees; `notes`: on all of the query; `labels`: its terms by their names."""
        values, faults = super().combined(values)
        items, values["any"] = values["any"], EVERYTHING
        if items:
            values["any"] = parser.any_of([node for _, node in items])
        text, values["text"] = values["text"], EVERYTHING
        for name in _QUERY:
            try:
                if name == "text":
                    values["text"] = parser.parse(text, values["exact"])
                check_dataset(values[name], DATASETS[values["dataset"]])
            except QueryError as error:
                faults[name] = [f"{error}."]
        values["notes"] = [] if faults else notes("" if values["exact"] else text, [values[name] for name in _QUERY])
        values["terms"] = named_terms(values["text"], items)
        if fault := as_of_fault(values["as_of"]):
            faults["as_of"] = [fault]
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
        if values["sample_per"] and not values["sample"]:
            faults["sample_per"] = ["needs sample: the number of hits to draw of each."]
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
        snapshot_us=LAST_US if values["as_of"] is None else microseconds(values["as_of"]),
        timeout=flags.query_timeout_seconds,
        thresholds=parse_thresholds(flags.label_thresholds),
        withhold=withhold(flags),
    )


def as_of_fault(moment: datetime | None) -> str:
    """Why no answer can stand for that moment; empty if one can."""
    if moment is None:
        return ""
    present = clock.present_us()
    if present is None:
        return "can't be used yet: nothing has been collected."
    return "" if microseconds(moment) <= present else f"is later than what is here: use {iso_us(present)} or earlier."


def withhold(flags: Flags) -> tuple[str, ...]:
    """The lists whose accounts do not show to the reader for whom these flags were read."""
    return WITHHELD if flags.honor_no_unauthenticated else (OPTED_OUT,)


def result_columns(dataset: str) -> list[str]:
    """The columns of a result, in order."""
    return [*COMMON_FIELDS, *FIELDS[dataset], *(["url", LABELS] if dataset == "posts" else [])]


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
