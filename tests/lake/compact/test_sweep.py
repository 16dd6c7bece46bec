"""Superseded files leave the folders at once and the disk after the grace."""

from lake.compact import compactor as compact_compactor
from lake.compact import index_upkeep
from lake.models import DataFile, IndexFile
from lake.storage import layout
from tests.builders import post
from tests.lake.compact.compacting import make


def test_replaced_files_leave_the_folders_at_once_and_the_disk_after_the_grace(lake, lake_root):
    lake.flush(post("one"))
    path = DataFile.objects.get().path
    patient = make(lake_root, grace=3600)
    patient.round(patient=False)
    assert not (lake_root / path).exists()
    assert (lake_root / layout.superseded_place(path)).exists()
    assert DataFile.objects.get(path=path).superseded_at is not None
    make(lake_root, grace=0).round(patient=False)
    assert not (lake_root / layout.superseded_place(path)).exists()
    assert not DataFile.objects.filter(path=path).exists()


def test_a_start_finishes_what_a_kill_has_cut_short(lake, lake_root, monkeypatch):
    lake.flush(post("one"))
    path = DataFile.objects.get().path
    with monkeypatch.context() as patch:
        patch.setattr(compact_compactor.sweep, "move", lambda root, paths: None)  # killed between the swap and the move
        patch.setattr(compact_compactor.sweep, "sweep", lambda root, before: 0)
        make(lake_root).round(patient=False)
    folder = (lake_root / path).parent
    (folder / "c-1.parquet").write_bytes(b"never listed")
    (folder / ".c-2.parquet.tmp").write_bytes(b"half")
    (folder / "f-1.parquet").write_bytes(b"the flusher's")
    (lake_root / layout.SCRATCH).mkdir(exist_ok=True)
    (lake_root / layout.SCRATCH / "spilled").write_bytes(b"x")
    (lake_root / layout.SUPERSEDED).mkdir()
    (lake_root / index_upkeep.FOLDER / "half-built").mkdir()
    (lake_root / index_upkeep.FOLDER / "half-built" / "0").write_bytes(b"x")
    (lake_root / index_upkeep.FOLDER / "never-listed.index").write_bytes(b"x")
    (lake_root / layout.SUPERSEDED / "posts~c-0.parquet").write_bytes(b"swept, but for its file")
    make(lake_root, grace=3600).prepare()
    left = {str(p.relative_to(lake_root)) for p in lake_root.rglob("*") if p.is_file()}
    listed = DataFile.listed.get().path
    index = IndexFile.objects.get().path
    never_listed = layout.orphan_place(f"{folder.relative_to(lake_root)}/c-1.parquet")
    assert left == {
        *(layout.MARKER, listed, index, layout.superseded_place(path), f"{folder.relative_to(lake_root)}/f-1.parquet"),
        *(never_listed, layout.orphan_place(".superseded/posts~c-0.parquet")),
    }
