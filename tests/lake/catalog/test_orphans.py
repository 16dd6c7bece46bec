"""What the catalog does not list: removed where it is proven that it never was, else moved aside and kept."""

import shutil
import uuid
from io import StringIO

import pytest
from django.core.management import call_command

from lake import metrics
from lake.catalog import commits, identity, lake_root, listing, orphans
from lake.catalog.identity import State
from lake.catalog.orphans import Unlisted
from lake.compact.compactor import Compactor
from lake.flush.flusher import Flusher
from lake.models import CatalogIdentity, DataFile
from lake.storage import layout
from lake.storage.origin import Origin, Writer
from tests.builders import NOON_US, like, post

HOUR = 3_600_000_000


class Killed(BaseException):
    """As good as SIGKILL for whatever has no `finally`."""


def start(lake):
    """A flusher as a new process has it, after its start."""
    flusher = Flusher(lake.buffer, lake.root, max_events=100_000)
    flusher.prepare()
    return flusher


def compactor(root, grace=0):
    worker = Compactor(root, root / layout.SCRATCH, 1, 0, grace, lambda: False)
    worker.prepare()
    return worker


def files(root, folder=""):
    return {str(path.relative_to(root)) for path in (root / folder).rglob("*") if path.is_file()} - {".lake.json"}


@pytest.fixture
def killed(lake, monkeypatch):
    """A flusher that was killed between the rename and the commit of its second batch."""
    start(lake)
    lake.flush(post("kept"), like("at://x/app.bsky.feed.post/y"))
    with monkeypatch.context() as patch:
        patch.setattr(commits, "commit", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            lake.flush(post("never committed", time_us=NOON_US + HOUR), like("at://x/app.bsky.feed.post/z"))
    assert len(files(lake.root)) == 4
    return lake


def test_a_killed_flushers_files_are_removed_and_written_again(killed):
    start(killed).flush()
    assert files(killed.root) == listing.known_paths()
    assert sorted(row["text"] for row in killed.rows("posts")) == ["kept", "never committed"]


def test_without_the_marker_nothing_proves_that_they_were_never_committed(killed):
    (unlisted,) = (path for path in files(killed.root) - listing.known_paths() if path.startswith("posts"))
    raw = (killed.root / unlisted).read_bytes()
    (killed.root / ".lake.json").unlink()
    start(killed).flush()
    assert (killed.root / ".orphans" / unlisted.replace("/", "~")).read_bytes() == raw
    assert len(files(killed.root, ".orphans")) == 2
    assert sorted(row["text"] for row in killed.rows("posts")) == ["kept", "never committed"]


def test_files_of_another_catalog_are_moved(killed):
    CatalogIdentity.objects.update(catalog=uuid.uuid4())
    row = CatalogIdentity.objects.get()
    identity.write_marker(killed.root, State(str(row.catalog), row.flush, row.compact))
    start(killed)
    assert len(files(killed.root, ".orphans")) == 2


def test_a_compactor_killed_before_its_swap_leaves_nothing(lake, monkeypatch):
    lake.flush(post("one"))
    lake.flush(post("two"))
    worker = compactor(lake.root)
    with monkeypatch.context() as patch:
        patch.setattr(commits, "swap", lambda *_: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            worker.round(patient=False)
    assert len(files(lake.root)) == 3
    start(lake)
    assert len(files(lake.root)) == 3, "the flusher leaves it alone: it may be about to be listed"
    compactor(lake.root)
    assert files(lake.root) == listing.known_paths()
    assert len(lake.rows("posts")) == 2


def test_files_of_the_release_before_that_no_batch_lists_are_moved(lake):
    """What one killed batch of it could leave: files without a word of their origin."""
    start(lake)
    lake.flush(post("kept"))
    (lake.root / ".lake.json").unlink()
    CatalogIdentity.objects.all().delete()
    folder = (lake.root / DataFile.objects.get().path).parent
    for name in ("f-7-0.parquet", "f-7-0-1.parquet", ".f-7-0.parquet.tmp", "c-1.parquet", "notes.txt"):
        (folder / name).write_bytes(b"x")
    start(lake)
    listed = DataFile.objects.get().path.rpartition("/")[2]
    assert {path.name for path in folder.iterdir()} == {"c-1.parquet", "notes.txt", listed}
    place = str(folder.relative_to(lake.root)).replace("/", "~")
    assert files(lake.root, ".orphans") == {
        f".orphans/{place}~f-7-0.parquet",
        f".orphans/{place}~f-7-0-1.parquet",
    }


def test_what_is_there_already_is_never_written_over(lake):
    start(lake)
    lake.flush(post("kept"))
    folder = (lake.root / DataFile.objects.get().path).parent
    for text in (b"first", b"second", b"third"):
        (folder / "f-7-0.parquet").write_bytes(text)
        start(lake)
    assert sorted(path.read_bytes() for path in (lake.root / ".orphans").iterdir()) == [b"first", b"second", b"third"]


def test_what_lies_among_the_superseded_and_is_unknown_is_moved(lake):
    start(lake)
    (lake.root / ".superseded").mkdir()
    (lake.root / ".superseded" / "posts~c-0.parquet").write_bytes(b"rows")
    compactor(lake.root)
    assert files(lake.root, ".orphans") == {".orphans/.superseded~posts~c-0.parquet"}


class TestTheyAreTold:
    @pytest.fixture
    def orphaned(self, lake, settings, tmp_path):
        settings.DATABASE_PATH = tmp_path / "catalog.sqlite3"
        start(lake)
        lake.flush(post("kept"))
        (lake.root / DataFile.objects.get().path).with_name("f-7-0.parquet").write_bytes(b"12345")
        start(lake)
        return lake

    def test_by_a_metric(self, orphaned):
        assert metrics.ORPHANS.collect()[0].samples[0].value == 1

    def test_by_the_health_of_a_lake_that_is_searchable(self, orphaned, client):
        lake_health = client.get("/health/ready").json()["components"]["lake"]
        assert lake_health["ok"]
        assert "1 files in LAKE_ROOT/.orphans" in lake_health["message"]

    def test_by_verify_lake(self, orphaned):
        out = StringIO()
        call_command("verify_lake", stdout=out)
        assert "1 files, 5 bytes, in LAKE_ROOT/.orphans" in out.getvalue()
        assert "OK: 1 files" in out.getvalue()

    def test_a_lake_of_another_catalog_is_not_ready(self, orphaned, client):
        CatalogIdentity.objects.update(catalog=uuid.uuid4())
        response = client.get("/health/ready")  # which anonymous clients may read: no paths

        assert response.status_code == 503
        message = response.json()["components"]["lake"]["message"]
        assert message.startswith("LAKE_ROOT belongs to another catalog than the one at DATABASE_PATH. ")


def test_fix_moves_and_does_not_delete(lake, settings, tmp_path):
    settings.DATABASE_PATH = tmp_path / "catalog.sqlite3"
    start(lake)
    lake.flush(post("kept"))
    path = DataFile.objects.get().path
    shutil.copyfile(lake.root / path, (lake.root / path).with_name("c-5.parquet"))
    out = StringIO()
    call_command("verify_lake", "--fix", stdout=out)
    assert "moved to .orphans/posts~" in out.getvalue()
    (kept,) = files(lake.root, ".orphans")
    assert (lake.root / kept).read_bytes() == (lake.root / path).read_bytes()


# --- decided from names and origins alone -------------------------------------------------------------------------

STATE = State("mine", 7, 3)


def orphan(name, catalog_="mine", writer=Writer.FLUSH, commit=8):
    return Unlisted(f"posts/{name}", Origin(catalog_, writer, commit, commit, None) if catalog_ else None)


@pytest.mark.parametrize(
    ("found", "more"),
    [
        ([], False),
        ([orphan("f-1-0.parquet"), orphan("f-1-0-1.parquet")], False),
        ([orphan("f-1-0.parquet"), orphan("f-2-0.parquet")], False),  # the next commit of this catalog, whatever
        ([orphan("f-1-0.parquet", commit=9)], True),  # after the next commit there is another
        ([orphan("c-1.parquet", writer=Writer.COMPACT, commit=5)], True),
        ([orphan("c-1.parquet", writer=Writer.COMPACT, commit=4)], False),
        ([orphan("f-1-0.parquet", None), orphan("f-1-0-1.parquet", None), orphan("c-1.parquet", None)], False),
        ([orphan("f-1-0.parquet", None), orphan("f-2-0.parquet", None)], True),
        ([orphan("f-1-0.parquet", "other"), orphan("f-2-0.parquet", "other")], True),
        ([orphan("f-1-0.parquet", commit=7), orphan("f-2-0.parquet", commit=6)], True),
        ([orphan("c-1.parquet", None), orphan("c-2.parquet", None)], True),
    ],
)
def test_more_than_one_killed_batch_leaves(found, more):
    assert bool(orphans.beyond_one_batch(found, STATE)) == more


def test_a_disk_that_refuses_the_move_is_one_sentence(lake, monkeypatch):
    start(lake)
    lake.flush(post("kept"))
    (lake.root / DataFile.objects.get().path).with_name("f-7-0.parquet").write_bytes(b"x")
    monkeypatch.setattr(orphans.disk, "make_folder", lambda *_: (_ for _ in ()).throw(OSError(30, "read-only")))
    with pytest.raises(lake_root.LakeUnusable, match="can't be written"):
        start(lake)
