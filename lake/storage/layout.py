"""Names and places of the lake's files. Pure: nothing here touches a disk."""

from datetime import UTC, datetime, timedelta

# Folders at the root that are not the lake's data: no reader of the lake looks into them.
SUPERSEDED = ".superseded"
SCRATCH = ".tmp"  # what the compactor needs while it works; emptied at its start


def partition(dataset: str, hour: datetime) -> str:
    """The folder of a dataset's hour, below LAKE_ROOT."""
    return f"{dataset}/year={hour:%Y}/month={hour:%m}/day={hour:%d}/hour={hour:%H}"


def flush_name(first_id: str, attempt: int = 0) -> str:
    """`f-<first buffer id>.parquet`. Ids may come again when the clock of Redis steps back: `attempt` makes a further
    name."""
    return f"f-{first_id}{f'-{attempt}' if attempt else ''}.parquet"


def compacted_name(ms: int) -> str:
    """`c-<milliseconds since 1970>.parquet`: of all files of an hour's dataset, when they became one."""
    return f"c-{ms}.parquet"


def superseded_place(path: str) -> str:
    """Where a file waits for its sweep: one folder for all, the old path in the name."""
    return f"{SUPERSEDED}/{path.replace('/', '~')}"


def temporary_name(name: str) -> str:
    """Where the file grows; no reader takes it for one of the lake's."""
    return f".{name}.tmp"


def is_flush_file(name: str) -> bool:
    """Whether the flusher made it, finished or not: what of these the catalog does not list is an orphan."""
    return name.removeprefix(".").startswith("f-") and name.endswith((".parquet", ".parquet.tmp"))


def is_compacted_file(name: str) -> bool:
    """The same of what the compactor made."""
    return name.removeprefix(".").startswith("c-") and name.endswith((".parquet", ".parquet.tmp"))


def hour_of(us: int) -> datetime:
    """The hour that holds this moment, given in microseconds since 1970."""
    return datetime.fromtimestamp(us // 3_600_000_000 * 3600, UTC)


HOUR = timedelta(hours=1)
