"""What a proof says at its end, as text and as JSON. Pure, but for the two files."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lake.proof.verdicts import Verdict


def text(verdicts: Sequence[Verdict], counts: Mapping[str, Mapping[str, int]]) -> str:
    lines = [f"{'PASS' if one.passed else 'FAIL'}  {one.what}: {one.because}" for one in verdicts]
    lines += [
        f"{'':6}{name:10}{of['sent']:12,} sent by the other host{of['stored']:12,} stored"
        for name, of in counts.items()
    ]
    return "\n".join(lines) + "\n"


def write(folder: Path, started: str, ended: str, verdicts: Sequence[Verdict], found: Mapping[str, Any]) -> str:
    """Writes report.txt and report.json; the text. `found`: `by_dataset`, `samples`."""
    shown = text(verdicts, found["by_dataset"])
    judged = [verdict._asdict() for verdict in verdicts]
    (folder / "report.txt").write_text(f"{started} to {ended}\n{shown}")
    whole = {"started": started, "ended": ended, "verdicts": judged, **found}
    (folder / "report.json").write_text(json.dumps(whole, indent=1) + "\n")
    return shown
