"""The report as one HTML file that loads nothing, and its summary as text, Markdown and JSON."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any

from tests.load.plan import SPIKE_FACTOR
from tests.load.report.criteria import FAIL, Criterion, criteria, failed
from tests.load.report.figures import percentile
from tests.load.report.measuring import Measured, measure
from tests.load.report.readings import OURS, THEIRS, Readings, read
from tests.load.report.recovery import BATCH_SECONDS, RECEIVED_SECONDS
from tests.load.report.resources import Resource, number, sentence

Table = tuple[str, Sequence[str], Sequence[Sequence[str]]]
QUIET_SHARE = 0.15
STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 0.5rem 0 1.5rem }
td, th { text-align: left; padding: 0.15rem 0.9rem 0.15rem 0 }
tr + tr { border-top: 1px solid #ddd } td { font-variant-numeric: tabular-nums } svg { max-width: 100%; height: auto }
.FAIL { color: #b00; font-weight: bold } .pass { color: #070 } .verdict { font-size: 1.3rem }
"""


def write(folder: Path, draw: bool = True) -> list[Criterion]:
    """report.html, report.md and report.json; returns the criteria."""
    readings = read(folder)
    measured = measure(readings)
    found = criteria(measured)
    shown: dict[str, str] = {}
    if draw:
        from tests.load.report.plots import plots

        shown = plots(readings, measured.recoveries)
    tables = all_tables(readings, measured, found)
    lines = [verdict(found), sentence(measured.resources), *disturbed(measured, readings.record["machine"]["cores"])]
    (folder / "report.html").write_text(html(lines, tables, shown))
    (folder / "report.md").write_text(markdown(lines, tables))
    (folder / "report.json").write_text(json.dumps(figures(readings, measured, found), indent=1, default=str))
    return found


def summary(folder: Path) -> str:
    return (folder / "report.md").read_text()


def verdict(found: Sequence[Criterion]) -> str:
    broken = failed(found)
    names = "; ".join(one.name for one in broken)
    return (
        f"FAIL: {len(broken)} of {len(found)} criteria: {names}."
        if broken
        else f"PASS: no criterion of {len(found)} failed."
    )


def disturbed(measured: Measured, cores: int) -> list[str]:
    """A warning, if others had a good part of the machine."""
    share = measured.others / cores
    if share <= QUIET_SHARE:
        return []
    return [f"Others had {share:.0%} of the machine's CPU meanwhile: the times are those of a busy machine."]


def all_tables(readings: Readings, measured: Measured, found: Sequence[Criterion]) -> list[Table]:
    return [
        ("Criteria", ("", "promised", "measured", "verdict"), [tuple(one) for one in found]),
        _recoveries(readings, measured),
        _answers(measured),
        _resources(measured.resources),
        _processes(measured),
        _run(readings, measured),
    ]


def _recoveries(readings: Readings, measured: Measured) -> Table:
    rows = [
        (one.fault, f"{one.at - readings.began:.0f} s", _seconds(one.down), _seconds(one.seconds))
        for one in measured.recoveries
    ]
    return "Recoveries", ("fault", "at", "works again after", "all as usual after"), rows


def _seconds(seconds: float | None) -> str:
    return "not within the run" if seconds is None else f"{seconds:.0f} s"


def _answers(measured: Measured) -> Table:
    rows = [
        (kind, f"{one.answers:,}", *(f"{ms / 1000:.2f}" for ms in (one.p50, one.p95, one.p99, one.most)))
        for kind, one in measured.latencies.items()
    ]
    return "Answers, seconds", ("kind", "answers", "p50", "p95", "p99", "most"), rows


def _resources(found: Iterable[Resource]) -> Table:
    rows = [
        (one.name, number(one.used), f"{number(one.limit)} {one.unit}", f"{one.share:.0%}", f"{one.doubled:.0%}")
        for one in sorted(found, key=lambda one: -one.doubled)
    ]
    return "Resources under the usual load", ("", "used", "limit", "share", "at twice the load"), rows


def _processes(measured: Measured) -> Table:
    rows = []
    for name, cores in measured.cores.items():
        most, limit = measured.memory.get(name, (0.0, 0.0))
        memory = f"{most / 1e6:,.0f} of {limit / 1e6:,.0f}" if limit else ""
        rows.append((name, f"{cores:.2f}", memory))
    return "Processes", ("", "cores on average", "memory at most, of its limit, MB"), rows


def _run(readings: Readings, measured: Measured) -> Table:
    plan, machine = readings.plan, readings.record["machine"]
    settings = ", ".join(f"{name}={value}" for name, value in plan["settings"].items())
    size = f"{plan['users']} users, {plan['rate']:,} events/s, {plan['minutes']:g} minutes, {plan['events']:,} events"
    cores, system = f"{machine['cores']} cores, {machine['memory'] / 1e9:.0f} GB", machine["system"]
    searchable = plan["flush_seconds"] + BATCH_SECONDS
    rows: list[Sequence[str]] = [
        ("begun", f"{datetime.fromtimestamp(readings.began, UTC):%Y-%m-%d %H:%M} UTC"),
        ("size", size),
        ("spike", f"{SPIKE_FACTOR} times the events for {plan['spike_seconds']:.0f} s"),
        ("settings", f"{settings}; the rest as in .env.example, memory of queries as in deploy/compose.yml"),
        ("machine", f"{cores}, {machine['cpu']}, {system}; its load was {machine['load_before']:.1f} before"),
        ("CPU, on average", _cores(measured)),
        ("the firehose was late", _late(readings)),
        ("lake", _lake(readings)),
        ("usual", f"received within {RECEIVED_SECONDS:.0f} s, searchable within {searchable:.0f} s, web answers"),
    ]
    return "The run", ("", ""), [*rows, *(("fault", fault) for fault in measured.faults)]


def _cores(measured: Measured) -> str:
    """Who had them."""
    ours = sum(measured.cores[name] for name in OURS)
    theirs = sum(measured.cores[name] for name in THEIRS)
    return f"{ours:.2f} cores the service, {theirs:.2f} who loads it, {measured.others:.2f} all others"


def _late(readings: Readings) -> str:
    late = readings.values("firehose_late")
    return f"p99 {percentile(late, 99):.1f} s, at most {max(late, default=0.0):.1f} s; this is taken off the lags"


def _lake(readings: Readings) -> str:
    end = readings.record.get("lake_at_end")
    if not end:
        return "not known"
    return (
        f"{end['files']:,} files, {end['bytes'] / 1e6:,.0f} MB, and {end['index_bytes'] / 1e6:,.0f} MB of text indexes"
    )


def html(lines: Sequence[str], tables: Sequence[Table], shown: Mapping[str, str]) -> str:
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>Load</title>",
        f"<style>{STYLE}</style><h1>Load</h1>",
    ]
    parts += [f"<p class=verdict>{_cell(line)}</p>" for line in lines]
    parts += [_html_table(*table) for table in tables[:3]]
    parts += [f"<h2>{escape(title)}</h2>{svg}" for title, svg in shown.items()]
    parts += [_html_table(*table) for table in tables[3:]]
    return "\n".join(parts)


def _html_table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["".join(f"<td>{_cell(cell)}</td>" for cell in row) for row in rows]
    headings = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "\n".join(f"<tr>{line}</tr>" for line in lines)
    return f"<h2>{escape(title)}</h2><table><tr>{headings}</tr>\n{body}</table>"


def _cell(text: str) -> str:
    kind = text.partition(":")[0]
    return f"<span class={kind}>{escape(text)}</span>" if kind in (FAIL, "pass") else escape(text)


def markdown(lines: Sequence[str], tables: Sequence[Table]) -> str:
    parts = ["# Load", *lines]
    for title, head, rows in tables:
        cells = [" | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) for row in rows]
        table = [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *(f"| {line} |" for line in cells)]
        parts += [f"## {title}", "\n".join(table)]
    return "\n\n".join(parts) + "\n"


def figures(readings: Readings, measured: Measured, found: Sequence[Criterion]) -> dict[str, Any]:
    return {
        "verdict": verdict(found),
        "bottleneck": sentence(measured.resources),
        "criteria": [one._asdict() for one in found],
        "plan": readings.plan,
        "machine": readings.record["machine"],
        "measured": asdict(measured),
    }
