"""What is promised, and whether the run kept it: one table. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from tests.load.report.measuring import Measured
from tests.load.report.recovery import Recovery

PASS, FAIL, NOT_MEASURED = "pass", "FAIL", "not measured"

RECORDS_A_MINUTE = 100_000
BATCH_SECONDS = 30.0
WAY_MS = 1_000.0
PING_MS = 100.0
LATE_SECONDS = 5.0
REDIS_FILL = 0.8
RECOVERY_SECONDS = 300.0
ANSWER_MS = 30_000.0
FAILED_SHARE = 0.001  # 99.9 % of all requests are answered
KNOWN_SHARE = 0.8
SILENCE_SECONDS = 120.0  # more than a request may take
ENOUGH = 20  # answers: a p95 of fewer is one slow answer

# p95 of each kind of answer, in ms. A page of hits and what is made of one: a second. What reads all hits of a window,
# or looks lists up: five, above which docs/metrics.md sends the operator to look. A file: the limit of any answer.
P95_MS = {
    "page": 1_000,
    "next page": 1_000,
    "newest": 1_000,
    "author": 1_000,
    "html page": 1_000,
    "thread": 1_000,
    "manifest": 1_000,
    "status page": 1_000,
    "metrics": 1_000,
    "count": 5_000,
    "likes of a post": 5_000,
    "keyword list": 5_000,
    "sample": 5_000,
    "timeline": 5_000,
    "top": 5_000,
    "cohort posts": 5_000,
    "cohort likes": 5_000,
    "cohort timeline": 5_000,
    "posts by uri": 5_000,
    "rows by uri": 5_000,
    "export csv": 30_000,
    "export parquet": 30_000,
}


class Criterion(NamedTuple):
    name: str
    promised: str
    measured: str
    verdict: str


def criteria(measured: Measured) -> list[Criterion]:
    return [*_data(measured), *_pipeline(measured), *_recoveries(measured.recoveries), *_answers(measured)]


def failed(found: Iterable[Criterion]) -> list[Criterion]:
    return [one for one in found if one.verdict == FAIL]


def _judge(name: str, promised: str, measured: str, kept: bool | None) -> Criterion:
    """`kept`: None if the run could not tell."""
    return Criterion(name, promised, measured, NOT_MEASURED if kept is None else PASS if kept else FAIL)


def _data(m: Measured) -> list[Criterion]:
    lake, posts = (m.comparison or {}).get("lake"), (m.comparison or {}).get("posts")
    asked_enough = m.asked_per_minute >= RECORDS_A_MINUTE or None
    many = f"{m.events_per_minute:,.0f} a minute"
    lost = "the lake was not compared" if lake is None else f"{lake['lost']:,} of {lake['events']:,}"
    twice = "" if lake is None else f"{lake['twice']:,} twice, {lake['foreign']:,} foreign"
    changed = None if lake is None or "other_text" not in lake else lake["other_text"] == 0
    texts = "" if lake is None else f"{lake.get('other_text', 'not compared')} others"
    gone = "" if posts is None else f"{posts['shown_though_gone']:,} shown of {posts['expected']:,}"
    hidden = "" if posts is None else f"{posts['not_shown']:,} not shown, {posts['shown_twice']:,} twice"
    return [
        _judge("the load itself", f"events made at most {LATE_SECONDS:.0f} s late (p99)", f"{m.late_p99:.1f} s",
               m.late_p99 <= LATE_SECONDS),
        _judge("what was looked at", f"all figures in {KNOWN_SHARE:.0%} of the run", f"in {m.known_share:.0%}",
               m.known_share >= KNOWN_SHARE),
        _judge("events in the lake", f"{RECORDS_A_MINUTE:,} a minute and more", many,
               asked_enough and m.events_per_minute >= RECORDS_A_MINUTE),
        _judge("events lost", "none", lost, lake is not None and lake["lost"] == 0),
        _judge("events twice, or of no log", "none", twice,
               lake is not None and not lake["twice"] and not lake["foreign"]),
        _judge("texts of posts", "as they were sent", texts, changed),
        _judge("deleted posts, and those of accounts that left", "none is shown", gone,
               posts is not None and posts["shown_though_gone"] == 0),
        _judge("all other posts", "each is shown, once", hidden,
               posts is not None and not posts["not_shown"] and not posts["shown_twice"]),
        _judge("verify_lake", "finds nothing", m.verify_lake or "nothing", m.verify_lake == ""),
        _judge("frames dropped, gaps", "none", f"{m.dropped} and {m.gaps}", m.dropped == 0 and m.gaps == 0),
    ]  # fmt: skip


def _pipeline(m: Measured) -> list[Criterion]:
    slowest = max(m.batches, default=0.0)
    compacted = None if not m.hours_ended else m.hours_compacted >= m.hours_ended
    memory = {name: most / limit for name, (most, limit) in m.memory.items()}
    fullest = max(memory, key=memory.__getitem__)
    most, limit = m.memory[fullest]
    return [
        _judge("a batch", f"under {BATCH_SECONDS:.0f} s",
               f"{slowest:.1f} s at most, of {len(m.batches)}", bool(m.batches) and slowest < BATCH_SECONDS),
        _judge("hours that ended", "compacted", f"{m.hours_compacted} of {m.hours_ended}", compacted),
        _judge("from the server's clock to Redis", f"p99 within {WAY_MS / 1000:.0f} s",
               f"p99 {m.way_p99_ms:,.0f} ms, at most {m.way_most_ms:,.0f} ms", m.way_p99_ms <= WAY_MS),
        _judge("PING of Redis", f"p99 within {PING_MS:.0f} ms",
               f"p99 {m.ping_p99_ms:.1f} ms, at most {m.ping_most_ms:.0f} ms", m.ping_p99_ms <= PING_MS),
        _judge("memory of Redis", f"below {REDIS_FILL:.0%} of maxmemory", f"{m.redis_fill:.0%} at most",
               m.redis_fill < REDIS_FILL),
        _judge("memory of each process", "within its container's limit",
               f"{fullest}: {most / 1e6:,.0f} of {limit / 1e6:,.0f} MB is the most", memory[fullest] <= 1),
    ]  # fmt: skip


def _recoveries(found: Iterable[Recovery]) -> list[Criterion]:
    promised = f"as usual within {RECOVERY_SECONDS:.0f} s"
    return [
        _judge(
            "recovery after the spike" if one.fault == "spike" else f"recovery after kill -9 of {one.fault}",
            promised,
            "not within the run" if one.seconds is None else f"{one.seconds:.0f} s",
            one.seconds is not None and one.seconds <= RECOVERY_SECONDS,
        )
        for one in found
    ]


def _answers(m: Measured) -> list[Criterion]:
    slowest = max((one.most for one in m.latencies.values()), default=0.0)
    share = m.failed / m.requests if m.requests else 0.0
    return [
        _judge("wrong answers", "none", f"{m.wrong} of {m.requests:,}", bool(m.requests) and m.wrong == 0),
        _judge("requests failed, but for the kill of web", f"at most {FAILED_SHARE:.1%}",
               f"{m.failed} of {m.requests:,} ({share:.2%}), and {m.excused} at the kill",
               bool(m.requests) and share <= FAILED_SHARE),
        _judge("the slowest answer", f"within {ANSWER_MS / 1000:.0f} s", f"{slowest / 1000:.1f} s",
               bool(m.requests) and slowest <= ANSWER_MS),
        _judge("people ask to the end", f"{SILENCE_SECONDS:.0f} s at most without a request", f"{m.silence:.0f} s",
               m.silence <= SILENCE_SECONDS),
        *(_latency(m, kind, limit) for kind, limit in P95_MS.items()),
    ]  # fmt: skip


def _latency(m: Measured, kind: str, limit: float) -> Criterion:
    found = m.latencies.get(kind)
    if found is None or found.answers < ENOUGH:
        told = f"{found.answers} answers only" if found else "none asked"
        return _judge(f"p95 of {kind}", f"{limit / 1000:g} s", told, None)
    return _judge(
        f"p95 of {kind}", f"{limit / 1000:g} s", f"{found.p95 / 1000:.2f} s of {found.answers}", found.p95 <= limit
    )
