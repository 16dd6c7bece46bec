"""Copies of the working tree, in which mutants live. The working tree itself is never edited."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.mutants.mutant import Mutant
from tests.mutants.trial import Copy


def make_copy(root: Path, folder: Path) -> Copy:
    """Of the files that git tracks, as they are now. `folder` is made."""
    copy = Copy(folder / "tree", folder)
    for name in _tracked(root):
        target = copy.tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (root / name).is_file():  # not removed since the last commit
            shutil.copy2(root / name, target)
    (copy.tree / ".venv").symlink_to((root / ".venv").resolve())
    # Checked by hash: by time and size, a mutant of the same length could be taken for the original.
    compiling = [sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash", "-x", r"/\.venv/"]
    subprocess.run([*compiling, "."], cwd=copy.tree, check=True)
    return copy


def _tracked(root: Path) -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, check=True, capture_output=True, text=True)
    return [name for name in listed.stdout.split("\0") if name]


@contextmanager
def mutated(copy: Copy, mutant: Mutant) -> Iterator[None]:
    path = copy.tree / mutant.file
    original = path.read_text()
    path.write_text(mutant.applied(original))
    try:
        yield
    finally:
        path.write_text(original)
