"""The lake against the log of the firehose, and the posts that the service shows against those that the log leaves."""

from contextlib import closing
from pathlib import Path

from process.instants import now_us
from tests.end_to_end.comparison import Comparison, Difference
from tests.end_to_end.event_log import Log
from tests.end_to_end.evidence import Lake


def compare(dump: Path, lake: Lake, export: Path, folder: Path) -> dict[str, dict[str, int]]:
    """`dump`: the frames, a line each. `export`: the column id of all posts, as Parquet. `folder`: for the keys of the
    log, and for what does not fit in memory."""
    keys = folder / "keys"
    log = Log(keys)
    with dump.open("rb") as frames:
        for frame in frames:
            log.append(frame)
    log.write()
    with closing(Comparison(keys, folder, now_us(), {})) as comparison:
        comparison.prepare()
        return {
            "lake": _counts(comparison.stored(lake), "events", "rows", "lost", "foreign", "twice", "other_text"),
            "posts": _counts(
                comparison.shown(export, "posts", comparison.hours),
                *("expected", "shown", "not_shown", "shown_though_gone", "shown_twice"),
            ),
        }


def differ(found: dict[str, dict[str, int]]) -> bool:
    """Whether anything is missing, too much, there twice, or changed."""
    return any(any(list(counts.values())[2:]) for counts in found.values())


def _counts(found: Difference, *names: str) -> dict[str, int]:
    rows = found.expected - found.missing + found.extra + found.doubled
    counts = (found.expected, rows, found.missing, found.extra, found.doubled, found.changed)
    return dict(zip(names, counts, strict=False))
