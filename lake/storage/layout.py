"""Names and places of the lake's files. Pure: nothing here touches a disk."""

import re
from datetime import UTC, datetime, timedelta

MARKER = ".lake.json"  # at the root: which catalog the lake belongs to

# Folders at the root that are not the lake's data: no reader of the lake looks into them.
SUPERSEDED = ".superseded"
INDEX = ".index"  # how the name of an index ends, which holds nothing that is not in the files
SCRATCH = ".tmp"  # what the compactor needs while it works; emptied at its start
ORPHANS = ".orphans"  # what the catalog does not list and nobody can prove to be worthless: never emptied by us

_FOLDER = re.compile(r"(\w+)/year=(\d{4})/month=(\d\d)/day=(\d\d)/hour=(\d\d)")


def partition(dataset: str, hour: datetime) -> str:
    """The folder of a dataset's hour, below LAKE_ROOT."""
    return f"{dataset}/year={hour:%Y}/month={hour:%m}/day={hour:%d}/hour={hour:%H}"


def dataset_and_hour(path: str) -> tuple[str, datetime] | None:
    """Of a file, by its folder; None where that is none of the lake's."""
    if (found := _FOLDER.fullmatch(path.rpartition("/")[0])) is None:
        return None
    try:
        return found[1], datetime(*map(int, found.groups()[1:]), tzinfo=UTC)  # type: ignore[arg-type, misc]
    except ValueError:
        return None


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


def orphan_place(path: str, attempt: int = 0) -> str:
    """Where an orphan is kept: the old path in the name. `attempt` makes a further name where one is taken."""
    return f"{ORPHANS}/{path.replace('/', '~')}{f'.{attempt}' if attempt else ''}"


def temporary_name(name: str) -> str:
    """Where the file grows; no reader takes it for one of the lake's."""
    return f".{name}.tmp"


def is_temporary(name: str) -> bool:
    """Whether the file never got its name, so that no catalog can list it."""
    return name.startswith(".") and name.endswith(".tmp")


def is_flush_file(name: str) -> bool:
    """Whether the flusher made it, finished or not."""
    return name.removeprefix(".").startswith("f-") and name.endswith((".parquet", ".parquet.tmp"))


def is_compacted_file(name: str) -> bool:
    """The same of what the compactor made."""
    return name.removeprefix(".").startswith("c-") and name.endswith((".parquet", ".parquet.tmp"))


def hour_of(us: int) -> datetime:
    """The hour that holds this moment, given in microseconds since 1970."""
    return datetime.fromtimestamp(us // 3_600_000_000 * 3600, UTC)


HOUR = timedelta(hours=1)
