"""CIDs that compacted files leave out: those of likes, reposts, follows and blocks, a third of such a row, can be
derived from the row.

In these files a null `cid` is derived, and an empty one is that of an event without a CID. The file's metadata has, for
each row group, the sha256 over the CIDs of its rows in their order.
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ingest.events import CID_BYTES, cid_bytes, record_cid
from lake.errors import LakeUnusable
from lake.schema import DATASETS, Dataset
from lake.storage import record_rebuild

METADATA = "cids_sha256"
_ALPHABET = np.frombuffer(b"abcdefghijklmnopqrstuvwxyz234567", np.uint8)
_CHARACTERS = -(-CID_BYTES * 8 // 5)  # base 32, without padding
_NONE = bytes(CID_BYTES)


def cid(dataset: str, row: Mapping[str, Any]) -> str | None:
    """The row's CID; None if it has none. One that is left out is derived from all columns of the row, in 40 us."""
    if row["cid"] is None and are_derived(DATASETS[dataset]):
        return record_cid(record_rebuild.event(dataset, row)["commit"]["record"])
    return row["cid"] or None


def are_derived(dataset: Dataset) -> bool:
    """Whether compacted files of the dataset leave CIDs out."""
    return dataset.subject is not None


def filled(dataset: Dataset, table: pa.Table) -> pa.Table:
    """Rows of compacted files with all their CIDs, an empty one if the event had none: 8 us a row."""
    place = table.schema.get_field_index("cid")
    return table.set_column(place, "cid", pc.coalesce(table["cid"], derive(dataset, table)))


def remove(dataset: Dataset, group: pa.Table) -> tuple[pa.Table, str]:
    """A row group without the CIDs that can be derived, and the sha256 over all its CIDs, which proves them later.
    Raises LakeUnusable if a row has lost its CID."""
    derived = derive(dataset, group)
    whole = pc.coalesce(group["cid"], derived)
    if whole.null_count:
        raise LakeUnusable("A compacted row has lost its CID: nothing was changed. Run verify_lake --cids 1000.")
    kept = pc.if_else(pc.fill_null(pc.equal(whole, derived), False), None, whole)
    return group.set_column(group.schema.get_field_index("cid"), "cid", kept), _digest(whole)


def metadata(digests: Sequence[str]) -> dict[str, str]:
    """What a file's metadata says of its row groups, given the digest of each; nothing without any."""
    return {METADATA: " ".join(digests)} if digests else {}


def check_group(path: Path, dataset: Dataset) -> tuple[int, bool]:
    """For a row group taken at random: how many CIDs it leaves out, and whether their digest is that of the metadata.
    (0, True) for a file that leaves none out."""
    with pq.ParquetFile(path) as file:
        digests = (file.metadata.metadata or {}).get(METADATA.encode(), b"").decode().split()
        if not digests:
            return 0, True
        number = random.randrange(file.metadata.num_row_groups)  # noqa: S311 - a sample, no secret
        rows = file.read_row_group(number)
    return rows["cid"].null_count, digests[number : number + 1] == [_digest(filled(dataset, rows)["cid"])]


def _digest(whole: pa.ChunkedArray) -> str:
    return sha256("".join(text or "" for text in whole.to_pylist()).encode()).hexdigest()


def derive(dataset: Dataset, table: pa.Table) -> pa.Array:
    """The CIDs that the rows' records hash to; null for a record that DAG-CBOR can't hold."""
    cids = b"".join(_binary_cids(dataset, table))
    bits = np.unpackbits(np.frombuffer(cids, np.uint8).reshape(-1, CID_BYTES), axis=1)
    bits = np.pad(bits, ((0, 0), (0, _CHARACTERS * 5 - CID_BYTES * 8))).reshape(-1, _CHARACTERS, 5)
    letters = _ALPHABET[bits @ np.array([16, 8, 4, 2, 1], np.uint8)]
    texts = np.pad(letters, ((0, 0), (1, 0)), constant_values=ord("b"))
    fixed = pa.Array.from_buffers(pa.binary(_CHARACTERS + 1), len(texts), [None, pa.py_buffer(texts.tobytes())])
    none = pa.array((texts[:, 1:] == ord("a")).all(axis=1))
    return pc.if_else(none, None, fixed.cast(pa.binary()).cast(pa.string()))


def _binary_cids(dataset: Dataset, table: pa.Table) -> Iterator[bytes]:
    """Of each row. A plain record is put together here, in a fifth of the time that record_rebuild takes."""
    table = table.cast(_without_zones(table.schema))
    uris = dataset.subject == "subject_uri"
    subjects = table[dataset.subject].to_pylist()
    versions = table["subject_cid"].to_pylist() if uris else subjects
    others = (table[name].to_pylist() for name in ("created_at", "extra", "via"))
    for number, (subject, version, created, extra, via) in enumerate(zip(subjects, versions, *others, strict=True)):
        plain = extra is None and None not in (subject, version, created) and "$" not in (via or "")
        try:
            if plain:
                record: dict[str, Any] = {"$type": dataset.collection, "createdAt": record_rebuild.usual_form(created)}
                record["subject"] = {"cid": version, "uri": subject} if uris else subject
                yield cid_bytes(record if via is None else {**record, "via": json.loads(via)}, plain=True)
            else:
                (row,) = table.slice(number, 1).to_pylist()
                yield cid_bytes(record_rebuild.event(dataset.name, row)["commit"]["record"])
        except (ValueError, RecursionError):
            yield _NONE


def _without_zones(schema: pa.Schema) -> pa.Schema:
    """Timestamps in UTC without their zone: Python values with one need pytz."""
    return pa.schema(
        [field.with_type(pa.timestamp("us")) if pa.types.is_timestamp(field.type) else field for field in schema]
    )
