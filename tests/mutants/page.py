"""docs/mutants.md, made from the last whole campaign."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date

from tests.mutants.campaign import Tried
from tests.mutants.mutant import Mutant
from tests.mutants.trial import Verdict

HEAD = """# Mutants

A mutant is one wrong edit of the code, such as an fsync left out. Each of these means a failure that a user would meet,
and names the test that must see it. `make mutants` copies the project, runs each test once without a mutant, then once
with each mutant, and writes this page; `ONLY=name,name` runs some, `JOBS=2` says how many at a time. A mutant that
survives is a missing check. The records are in `tests/mutants/tables/`.
"""


def page(sections: Mapping[str, Sequence[Mutant]], tried: Iterable[Tried], day: date, minutes: float) -> str:
    results = {one.mutant.name: one for one in tried}
    killed = sum(one.outcome.verdict is Verdict.KILLED for one in results.values())
    last = f"Last run: {day}, {killed} of {len(results)} killed, {minutes:.0f} minutes.\n"
    tables = [f"## {title}\n\n{table([results[one.name] for one in own])}\n" for title, own in sections.items()]
    return "\n".join([HEAD, last, *tables])


def table(tried: Iterable[Tried]) -> str:
    return "\n".join(["| mutant | means | test | result | seconds |", "|---|---|---|---|---|", *map(row, tried)])


def row(one: Tried) -> str:
    return f"{said(one.mutant)} {one.outcome.verdict} | {one.outcome.seconds:.1f} |"


def said(mutant: Mutant) -> str:
    """What the page says of it whatever became of it."""
    return f"| `{mutant.name}` in `{mutant.file}` | {mutant.means} | `{mutant.test}` |"
