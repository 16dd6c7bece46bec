"""Pass or fail, from what was observed. Pure."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import quantiles
from typing import Any, NamedTuple

from lake.proof.journal import Entry

BUFFERED_SECONDS = 10.0  # p99 from the host's clock to Redis
FLUSH_SECONDS = 60.0  # p99 from the host's clock to the lake, beyond the interval of flushes
UNKNOWN_SHARE = 0.01  # of looks that learned nothing: more of them hide what p99 would show
SILENT_SECONDS = 60.0  # between two looks; what is longer was not watched
UNWATCHED_SHARE = 0.05  # of the time: restarts of the machine
SAMPLED_SHARE = 0.5  # of the samples that were due
EXTRA_SHARE = 0.0001  # of rows that the other host did not send: it may lose some too


class Verdict(NamedTuple):
    what: str
    passed: bool
    because: str


class Percentiles(NamedTuple):
    p50: float
    p95: float
    p99: float


def percentiles(values: Sequence[float]) -> Percentiles | None:
    if len(values) < 2:
        return Percentiles(values[0], values[0], values[0]) if values else None
    of = quantiles(values, n=100, method="inclusive")
    return Percentiles(of[49], of[94], of[98])


def watched(looks: Sequence[float], started: float, ended: float, hours: float) -> Verdict:
    """`looks`: when they were."""
    seconds, moments = ended - started, [started, *looks, ended]
    away = sum(max(0.0, after - before - SILENT_SECONDS) for before, after in pairwise(moments))
    because = f"{seconds / 3600:.2f} of {hours:g} hours, {away / 3600:.2f} of them nobody looked"
    return Verdict("watched to the end", seconds >= hours * 3600 and away <= seconds * UNWATCHED_SHARE, because)


def gaps(coverage: dict[str, Any], seconds: float) -> Verdict:
    """`seconds`: for which there must be data. The coverage ends with the newest event, however old that is."""
    found = coverage["gaps"]
    text = f"{coverage['minutes_with_data']:,} of {coverage['minutes']:,} minutes have data"
    shown = "".join(f"; {gap['start']} to {gap['end']}: {gap['why']}" for gap in found[:3])
    due = max(1, int(seconds / 60))
    if coverage["minutes"] < due:
        shown += f"; {due:,} minutes were due"
    return Verdict("no gaps", not coverage["gaps_total"] and coverage["minutes"] >= due, text + shown)


def lag(stage: str, entries: Sequence[Entry], limit: float) -> Verdict:
    """Of a stage: `buffered` or `searchable`. `limit`: seconds, of p99."""
    found = percentiles([entry[stage] for entry in entries if entry[stage] is not None])
    unknown = sum(entry[stage] is None for entry in entries)
    if found is None:
        return Verdict(f"lag until {stage}", False, "never known: is the service running?")
    text = f"p50 {found.p50:.1f} s, p95 {found.p95:.1f} s, p99 {found.p99:.1f} s; at most {limit:g} s allowed"
    passed = found.p99 <= limit and unknown <= len(entries) * UNKNOWN_SHARE
    return Verdict(f"lag until {stage}", passed, text + f"; unknown at {unknown:,} of {len(entries):,} looks")


def samples(entries: Sequence[Entry], due: int) -> list[Verdict]:
    """What the other host sent, and what the lake has. `due`: how many samples there should be."""
    good = [entry for entry in entries if "sent" in entry]
    sent, stored = (sum(sum(entry[name].values()) for entry in good) for name in ("sent", "stored"))
    missing, extra, cids, other, wrong = (
        sum(entry[name] for entry in good) for name in ("missing", "extra", "cids", "other_cids", "wrong_hashes")
    )
    compared = f"{sent:,} events in {len(good):,} samples"
    failed = f"; {len(entries) - len(good):,} samples failed: {_faults(entries)}" if len(good) < len(entries) else ""
    return [
        Verdict("enough samples", len(good) >= max(1, due * SAMPLED_SHARE),
                f"{len(good):,} compared, {due:,} were due{failed}"),
        Verdict("no event is missing", sent > 0 and not missing, f"{missing:,} missing of {compared}"
                + _out_of_step(good) + _first(good, "missing")),
        Verdict("no event is invented", stored > 0 and extra <= stored * EXTRA_SHARE,
                f"{extra:,} of {stored:,} that the other host did not send" + _first(good, "extra")),
        Verdict("CIDs agree", cids > 0 and not other + wrong, f"{cids:,} CIDs compared, {other:,} differ; "
                f"{wrong:,} records of the other host do not hash to theirs" + _first(good, "other_cids")),
    ]  # fmt: skip


def _out_of_step(entries: Sequence[Entry]) -> str:
    """Whole samples that the lake has nothing of are rather the clocks of the hosts."""
    strange = sum(sum(entry["sent"].values()) == entry["missing"] > 0 for entry in entries)
    hint = f"; {strange:,} samples have nothing in common with the lake: if the hosts are out of step, raise --margin"
    return hint if strange else ""


def _first(entries: Sequence[Entry], name: str) -> str:
    named = [key for entry in entries for key in entry["named"][name]]
    return "".join(f"; {key}" for key in named[:3])


def _faults(entries: Sequence[Entry]) -> str:
    return ", ".join(sorted({entry["fault"] for entry in entries if entry.get("fault")}))


def by_dataset(entries: Sequence[Entry]) -> dict[str, dict[str, int]]:
    """Events of all samples: `sent` by the other host, `stored` in the lake."""
    good = [entry for entry in entries if "sent" in entry]
    names = sorted({name for entry in good for name in (*entry["sent"], *entry["stored"])})
    return {
        name: {side: sum(entry[side].get(name, 0) for entry in good) for side in ("sent", "stored")} for name in names
    }
