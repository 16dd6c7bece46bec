"""--fix repairs what is safe to repair, while no writer runs."""

import fcntl

import pytest

from lake.management.commands.verify_lake import NOT_REPAIRED
from lake.verify import disk
from process.locks import lock_path
from tests.lake.verify.lakes import path_of, verified


def test_fix_moves_orphans_and_nothing_else(full):
    folder = path_of(full).parent
    for name in ("f-1-0.parquet", "c-1.parquet", "mine.parquet"):
        (folder / name).write_bytes(b"an orphan")
    lines, failure = verified("--fix")
    kept = [f".orphans/posts~year=2026~month=07~day=01~hour=12~{name}" for name in ("c-1.parquet", "f-1-0.parquet")]
    assert [line.partition(": moved to ")[2] for line in lines if "moved to" in line] == kept
    assert sorted(f".orphans/{path.name}" for path in (full.root / ".orphans").iterdir()) == kept
    assert failure.startswith("1 differences in 4 files")
    assert sorted(path.name for path in folder.iterdir()) == sorted([path_of(full).name, "mine.parquet"])
    (folder / "mine.parquet").unlink()
    assert verified()[1] is None


def test_fix_succeeds_when_all_is_repaired(full):
    (path_of(full).parent / "f-1-0.parquet").write_bytes(b"an orphan")
    assert verified("--fix")[1] is None


@pytest.mark.parametrize("writer", ["flush_buffer", "compact_lake", "import_labels"])
def test_fix_does_nothing_while_a_writer_runs(full, writer, monkeypatch):
    """Even one that has been stopped for an hour may go on and list its file."""
    monkeypatch.setattr(disk, "COMMIT_SECONDS", 0.05)
    orphan = path_of(full).parent / "f-1-0.parquet"
    orphan.write_bytes(b"of a batch that will be committed")
    with lock_path(writer).open("w") as file:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX)
        lines, failure = verified("--fix")
    assert any(line.endswith(NOT_REPAIRED) for line in lines)
    assert failure.startswith("1 differences")
    assert orphan.exists()


def test_without_fix_nothing_is_touched(full):
    orphan = path_of(full).parent / "f-1-0.parquet"
    orphan.write_bytes(b"an orphan")
    verified()
    assert orphan.exists()
