"""The parameters of an export."""

from typing import Any

from api.params.fields import Boolean, Choice, Integer, Seed
from api.params.query import RowsParams
from api.params.strict import Faults, StrictSerializer
from lake.export.columns import column_names
from lake.search.sample import PER

MAX_SAMPLE = 100_000  # rows


class ExportParams(RowsParams):
    format = Choice(["csv", "ndjson", "parquet"], default="csv", help_text="Of the file.")
    limit = Integer(min_value=1, default=None, help_text="Stop after so many rows.")
    excel = Boolean(default=False, help_text="CSV for spreadsheets: a byte order mark, and no cell is a formula.")
    sample = Integer(min_value=1, max_value=MAX_SAMPLE, default=None, help_text="A random sample of so many rows.")
    seed = Seed(default="", help_text="Of the sample: the same seed, the same rows.")
    sample_per = Choice(PER, default=None, help_text="A sample of each of these; weeks begin on Monday.")

    def columns(self, dataset: str) -> list[str]:
        return column_names(dataset)

    def combined(self, values: dict[str, Any]) -> tuple[dict[str, Any], Faults]:
        values, faults = super().combined(values)
        if values["excel"] and values["format"] != "csv":
            faults["excel"] = ["is for format=csv: leave one of them out."]
        return values, faults


class MadeParams(StrictSerializer):
    format = Choice(["json", "text"], default="json", help_text="text: what a methods section says of the file.")
