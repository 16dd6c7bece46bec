"""Arrow tables with pseudonyms. Each distinct value of a table is hashed once."""

from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lake.pseudonyms.identifiers import SUSPICION
from lake.pseudonyms.names import Pseudonyms
from lake.pseudonyms.rows import URL, kind_of, maker

Table = pa.Table
_POST, _LINK = "/app.bsky.feed.post/", "/post/"
_PROFILE = "https://bsky.app/profile/"


def replaced(names: Pseudonyms, table: pa.Table, columns: Sequence[str]) -> pa.Table:
    """With pseudonyms in these columns of texts or lists of texts. `url`: has the AT-URI of the post."""
    done: dict[str, Any] = {}
    for column in columns:
        values = table[column].combine_chunks()
        if column == URL:
            uris = done["id"] if "id" in done else _distinct(values, names.uris)
            done[column] = _links(uris)
        elif pa.types.is_list(values.type):
            items = _items(names, column, values.values)
            done[column] = pa.ListArray.from_arrays(values.offsets, items, mask=values.is_null())
        else:
            done[column] = _column(names, column, values)
    for column, new in done.items():
        table = table.set_column(table.schema.get_field_index(column), column, new)
    return table


def _items(names: Pseudonyms, column: str, items: Any) -> Any:
    """Texts, or structs of texts and other values."""
    if not pa.types.is_struct(items.type):
        return _column(names, column, items)
    parts = [items.field(place) for place in range(items.type.num_fields)]
    new = [_column(names, column, part) if pa.types.is_string(part.type) else part for part in parts]
    return pa.StructArray.from_arrays(new, fields=list(items.type))


def with_accounts(names: Pseudonyms, table: pa.Table, place: int, column: str, dids: str) -> pa.Table:
    """With a column of the pseudonyms of `dids` at `place`."""
    return table.add_column(place, column, _distinct(table[dids].combine_chunks(), names.uris))


def with_nothing(table: pa.Table, place: int, column: str) -> pa.Table:
    return table.add_column(place, column, pa.nulls(table.num_rows, pa.string()))


def _column(names: Pseudonyms, column: str, values: Any) -> Any:
    kind = kind_of(column)
    if kind == "cids":
        return pa.nulls(len(values), pa.string())
    make = maker(names, kind)
    return _suspicious(values, make) if kind in ("texts", "documents") else _distinct(values, make)


def _distinct(values: Any, make: Callable[[Any], list[Any]]) -> Any:
    found = values.cast(pa.string()).dictionary_encode()
    return pa.array(make(found.dictionary.to_pylist()), pa.string()).take(found.indices)


def _suspicious(values: Any, make: Callable[[Any], list[Any]]) -> Any:
    """Those texts that may hold an identifier; the others stay."""
    texts = values.cast(pa.string())
    marked = pc.fill_null(pc.match_substring_regex(texts, SUSPICION), False)
    if not pc.any(marked).as_py():
        return texts
    new = _distinct(texts.filter(marked), make)
    return pc.replace_with_mask(texts, marked, new)


def _links(uris: Any) -> Any:
    return pc.binary_join_element_wise(_PROFILE, pc.replace_substring(uris, _POST, _LINK), "")
