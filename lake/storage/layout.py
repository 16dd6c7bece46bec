"""Names and paths of the lake's files. Pure: nothing here touches a disk."""

import re
from datetime import UTC, datetime, timedelta

MARKER = ".lake.json"  # at the root: which catalog the lake belongs to

# Folders at the root that hold no data of the lake: readers skip them.
SUPERSEDED = ".superseded"
INDEX = ".index"  # suffix of text indexes, which hold nothing that is not in the files
SCRATCH = ".tmp"  # the compactor's; emptied at its start
ORPHANS = ".orphans"  # files that the catalog does not list and nothing proves worthless: never emptied

_FOLDER = re.compile(r"(\w+)/year=(\d{4})/month=(\d\d)/day=(\d\d)/hour=(\d\d)")


def partition(dataset: str, hour: datetime) -> str:
    """The folder of the partition, below LAKE_ROOT."""
    return f"{dataset}/year={hour:%Y}/month={hour:%m}/day={hour:%d}/hour={hour:%H}"


def dataset_of(path: str) -> str:
    """The dataset of a listed file."""
    return path.partition("/")[0]


def dataset_and_hour(path: str) -> tuple[str, datetime] | None:
    """The partition of a file, by its folder; None if that is no folder of the lake."""
    if (found := _FOLDER.fullmatch(path.rpartition("/")[0])) is None:
        return None
    try:
        return found[1], datetime(*map(int, found.groups()[1:]), tzinfo=UTC)  # type: ignore[arg-type, misc]
    except ValueError:
        return None


def hour_of_path(path: str) -> datetime:
    """Of a listed file."""
    if (partition := dataset_and_hour(path)) is None:
        raise ValueError(f"{path} is no path of the lake")
    return partition[1]


def flush_name(first_id: str, attempt: int = 0) -> str:
    """`f-<first buffer id>.parquet`. Ids may repeat when the clock of Redis steps back: `attempt` makes other names."""
    return f"f-{first_id}{f'-{attempt}' if attempt else ''}.parquet"


def compacted_name(ms: int) -> str:
    """`c-<milliseconds since 1970>.parquet`: the time of the compaction."""
    return f"c-{ms}.parquet"


def label_name(ms: int) -> str:
    """`l-<milliseconds since 1970>.parquet`: the time at which the labels were written."""
    return f"l-{ms}.parquet"


def superseded_place(path: str) -> str:
    """Where a file waits for the sweep: one folder for all, the old path in the name."""
    return f"{SUPERSEDED}/{path.replace('/', '~')}"


def orphan_place(path: str, attempt: int = 0) -> str:
    """Where an orphan is kept: the old path in the name. `attempt` makes other names."""
    return f"{ORPHANS}/{path.replace('/', '~')}{f'.{attempt}' if attempt else ''}"


def temporary_name(name: str) -> str:
    """The file's name while it is written; readers skip it."""
    return f".{name}.tmp"


def is_temporary(name: str) -> bool:
    """Whether the file never got its name: no catalog lists it."""
    return name.startswith(".") and name.endswith(".tmp")


def is_flush_file(name: str) -> bool:
    """Whether the flusher writes files of this name, finished or not."""
    return name.removeprefix(".").startswith("f-") and name.endswith((".parquet", ".parquet.tmp"))


def is_compacted_file(name: str) -> bool:
    """The same for the compactor."""
    return name.removeprefix(".").startswith("c-") and name.endswith((".parquet", ".parquet.tmp"))


def is_label_file(name: str) -> bool:
    """The same for what writes labels."""
    return name.removeprefix(".").startswith("l-") and name.endswith((".parquet", ".parquet.tmp"))


def is_writers_file(name: str) -> bool:
    """Whether any of them does."""
    return is_flush_file(name) or is_compacted_file(name) or is_label_file(name)


def hour_of(us: int) -> datetime:
    """The hour of a time in microseconds since 1970."""
    return datetime.fromtimestamp(us // 3_600_000_000 * 3600, UTC)


HOUR = timedelta(hours=1)
