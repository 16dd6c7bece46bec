"""One mutant, and what may be wrong with its record. Pure, apart from the files that a record names."""

import re
from pathlib import Path
from typing import NamedTuple


class Mutant(NamedTuple):
    """`old` occurs once in `file` and becomes `new`. `means`: the failure, for a user. `test`: the pytest node that
    must fail. Paths are below the project's folder."""

    name: str
    file: str
    old: str
    new: str
    means: str
    test: str

    def applied(self, source: str) -> str:
        """Raises ValueError unless the old text is there exactly once."""
        if (count := source.count(self.old)) != 1:
            raise ValueError(f"{self.name}: its old text occurs {count} times in {self.file}")
        return source.replace(self.old, self.new)


def faults(mutant: Mutant, root: Path) -> list[str]:
    """Why the mutant or its test can't be run, as sentences; empty: both can."""
    found = []
    if not (root / mutant.file).is_file():
        found.append(f"{mutant.name}: there is no {mutant.file}")
    else:
        found += _edit_faults(mutant, (root / mutant.file).read_text())
    path, _, function = mutant.test.partition("::")
    named = re.escape(function.partition("[")[0].rpartition("::")[2])
    if not (root / path).is_file() or not re.search(
        rf"^ *(async )?def {named}\(", (root / path).read_text(), re.MULTILINE
    ):
        found.append(f"{mutant.name}: there is no {mutant.test}")
    return found


def _edit_faults(mutant: Mutant, source: str) -> list[str]:
    try:
        mutated = mutant.applied(source)
        if mutated == source:
            return [f"{mutant.name}: changes nothing"]
        if mutant.file.endswith(".py"):
            compile(mutated, mutant.file, "exec")
    except (ValueError, SyntaxError) as error:
        return [str(error) if isinstance(error, ValueError) else f"{mutant.name}: {error}"]
    return []
