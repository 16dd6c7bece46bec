"""The columns of an export that SQL can't make. Pure."""

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from lake.export.columns import CID, USERNAME


def add_usernames(
    table: pa.Table, place: int, dids: str, handles: Callable[[Sequence[str]], Sequence[str | None]]
) -> pa.Table:
    """With a column of handles at `place`. `dids`: the column of DIDs. `handles`: called once, with distinct DIDs."""
    authors = table[dids].combine_chunks().dictionary_encode()
    known = pa.array(handles(authors.dictionary.to_pylist()), pa.string())
    return table.add_column(place, USERNAME, known.take(authors.indices))


def add_cids(table: pa.Table, place: int, rows: str, filled: Callable[[pa.Table], pa.Table]) -> pa.Table:
    """With a column of CIDs at `place`. `rows`: the column with the lake's rows. `filled`: gives them all CIDs, empty
    ones to those that have none."""
    found = pa.Table.from_struct_array(table[rows])
    if found[CID].null_count:
        found = filled(found)
    return table.add_column(place, CID, pc.if_else(pc.equal(found[CID], ""), None, found[CID]))
