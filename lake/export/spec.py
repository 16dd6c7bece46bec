"""What an export holds: a search, columns, limits. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lake.export.columns import MATCHED, ExportColumn, export_columns
from lake.pseudonyms.names import Pseudonyms
from lake.query.spec import Search
from lake.query.sql import Condition, NamedTerm, matched_terms


@dataclass(frozen=True)
class ExportSpec:
    """`search`: pinned to a snapshot, without handles. `values`: of the parameters in the columns' SQL. `limit`: the
    most rows. `sample`: the size of a sample, drawn with `seed` (lake.search.sample), and of each `sample_per`.
    `recalled`: its moment was asked for. `pseudonyms`: in place of all accounts and records."""

    search: Search
    columns: Sequence[ExportColumn]
    values: Mapping[str, Any]
    limit: int | None = None
    sample: int | None = None
    seed: str = ""
    sample_per: str | None = None
    recalled: bool = False
    pseudonyms: Pseudonyms | None = None


def export_spec(
    search: Search,
    names: Sequence[str],
    terms: Sequence[NamedTerm],
    limit: int | None,
    sample: tuple[int | None, str, str | None],
) -> ExportSpec:
    """`names`: of columns. `terms`: what the column `matched` tells. `sample`: its size, seed and stretch."""
    matched = matched_terms(terms, search.of) if MATCHED in names else Condition("", {})
    return ExportSpec(search, export_columns(search.dataset, names, matched.sql), matched.values, limit, *sample)
