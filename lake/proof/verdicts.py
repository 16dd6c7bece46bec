"""Pass or fail, from what was observed. Pure."""

from collections.abc import Sequence
from statistics import quantiles
from typing import Any, NamedTuple

from lake.proof.journal import Entry

BUFFERED_SECONDS = 10.0  # p99 from the host's clock to Redis
FLUSH_SECONDS = 60.0  # p99 from the host's clock to the lake, beyond the interval of flushes
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


def watched(seconds: float, hours: float) -> Verdict:
    because = f"{seconds / 3600:.2f} of {hours:g} hours"
    return Verdict("watched to the end", seconds >= hours * 3600, because)


def gaps(coverage: dict[str, Any]) -> Verdict:
    found = coverage["gaps"]
    text = f"{coverage['minutes_with_data']:,} of {coverage['minutes']:,} minutes have data"
    shown = "".join(f"; {gap['start']} to {gap['end']}: {gap['why']}" for gap in found[:3])
    return Verdict("no gaps", not coverage["gaps_total"] and coverage["minutes"] > 0, text + shown)


def lag(stage: str, entries: Sequence[Entry], limit: float) -> Verdict:
    """Of a stage: `buffered` or `searchable`. `limit`: seconds, of p99."""
    found = percentiles([entry[stage] for entry in entries if entry[stage] is not None])
    unknown = sum(entry[stage] is None for entry in entries)
    if found is None:
        return Verdict(f"lag until {stage}", False, "never known: is the service running?")
    text = f"p50 {found.p50:.1f} s, p95 {found.p95:.1f} s, p99 {found.p99:.1f} s; at most {limit:g} s allowed"
    return Verdict(f"lag until {stage}", found.p99 <= limit, text + f"; {unknown:,} times unknown" * bool(unknown))


def samples(entries: Sequence[Entry]) -> list[Verdict]:
    """What the other host sent, and what the lake has."""
    good = [entry for entry in entries if "sent" in entry]
    sent, stored = (sum(sum(entry[name].values()) for entry in good) for name in ("sent", "stored"))
    missing, extra, cids, other, wrong = (
        sum(entry[name] for entry in good) for name in ("missing", "extra", "cids", "other_cids", "wrong_hashes")
    )
    compared = f"{sent:,} events in {len(good):,} samples"
    failed = f"; {len(entries) - len(good):,} samples failed: {_faults(entries)}" if len(good) < len(entries) else ""
    return [
        Verdict("no event is missing", sent > 0 and not missing, f"{missing:,} missing of {compared}{failed}"
                + _first(good, "missing")),
        Verdict("no event is invented", stored > 0 and extra <= stored * EXTRA_SHARE,
                f"{extra:,} of {stored:,} that the other host did not send" + _first(good, "extra")),
        Verdict("CIDs agree", cids > 0 and not other + wrong, f"{cids:,} CIDs compared, {other:,} differ; "
                f"{wrong:,} records of the other host do not hash to theirs" + _first(good, "other_cids")),
    ]  # fmt: skip


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
