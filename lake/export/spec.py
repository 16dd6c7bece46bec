"""What an export holds: a search, columns, limits. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lake.export.columns import MATCHED, ExportColumn, export_columns
from lake.pseudonyms.names import Pseudonyms
from lake.query.spec import Search
from lake.query.sql import Condition, matched_terms


@dataclass(frozen=True)
class ExportSpec:
    """`search`: pinned to a snapshot, without handles. `values`: of the parameters in the columns' SQL. `limit`: the
    most rows. `sample`: the size of a sample, drawn with `seed` (lake.search.sample). `pseudonyms`: in place of all
    accounts and records."""

    search: Search
    columns: Sequence[ExportColumn]
    values: Mapping[str, Any]
    limit: int | None = None
    sample: int | None = None
    seed: str = ""
    pseudonyms: Pseudonyms | None = None


def export_spec(
    search: Search,
    names: Sequence[str],
    limit: int | None,
    sample: int | None,
    seed: str,
    pseudonyms: Pseudonyms | None = None,
) -> ExportSpec:
    """`names`: of columns."""
    terms = matched_terms(search.query) if MATCHED in names else Condition("", {})
    columns = export_columns(search.dataset, names, terms.sql)
    return ExportSpec(search, columns, terms.values, limit, sample, seed, pseudonyms)
