"""What a run has found, as Markdown and JSON."""

import json
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.weeks.days import Day
from tests.weeks.verdicts import Verdict

Rows = Iterable[Sequence[object]]


def write(folder: Path, title: str, days: Sequence[Day], verdicts: Sequence[Verdict], facts: dict[str, Any]) -> str:
    """Writes report.md and report.json; the text of the first."""
    text = markdown(title, days, verdicts, facts)
    (folder / "report.md").write_text(text)
    found = {
        "title": title,
        "facts": facts,
        "days": list(map(asdict, days)),
        "verdicts": [v._asdict() for v in verdicts],
    }
    (folder / "report.json").write_text(json.dumps(found, indent=1) + "\n")
    return text


def markdown(title: str, days: Sequence[Day], verdicts: Sequence[Verdict], facts: dict[str, Any]) -> str:
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    parts = [
        f"# {title}\n\n{machine}\n",
        "".join(f"- {name}: {value}\n" for name, value in facts.items()),
        _table(["", "", "measured"], ((one.word, one.what, one.because) for one in verdicts)),
        "Each day, after its pass:\n",
        _table(["day", *(str(day.number) for day in days)], _of_days(days)),
        "Milliseconds, p50 and p95:\n",
        _table(["", *(f"day {day.number}" for day in days)], _latencies(days)),
    ]
    return "\n".join(parts)


def _of_days(days: Sequence[Day]) -> Rows:
    yield "events", *(f"{day.events:,}" for day in days)
    yield "events a second", *(f"{day.events_of_day / day.seconds:,.0f}" for day in days)
    for name in days[0].megabytes:
        yield f"{name}, MB at most", *(f"{day.megabytes[name]:,.0f}" for day in days)
    for name in days[0].cpu:
        yield f"{name}, us of CPU an event", *(f"{day.cpu[name] / day.events_of_day * 1e6:.1f}" for day in days)
    yield "daily pass, s", *(f"{day.compaction_seconds:.1f}" for day in days)
    yield "backup, s", *(f"{day.backup_seconds:.1f}" for day in days)
    yield "files listed", *(f"{day.held.files:,}" for day in days)
    yield "files on the disk", *(f"{day.held.files_on_disk:,}" for day in days)
    yield "files, MB", *(f"{day.held.file_bytes / 1e6:,.0f}" for day in days)
    yield "indexes, MB", *(f"{day.held.index_bytes / 1e6:,.0f}" for day in days)
    yield "catalog, MB", *(f"{day.held.catalog_bytes / 1e6:.1f}" for day in days)
    for table in days[0].held.rows:
        yield f"rows of {table}", *(f"{day.held.rows[table]:,}" for day in days)


def _latencies(days: Sequence[Day]) -> Rows:
    for name in sorted(days[0].latency):
        yield name, *(f"{day.latency[name].p50:.0f}, {day.latency[name].p95:.0f}" for day in days)


def _table(head: Sequence[str], rows: Rows) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)
