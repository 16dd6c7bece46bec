"""Labels become files beside their posts, in one commit, and are kept as all else is."""

from datetime import datetime

import pytest
from django.db import transaction

from lake.catalog import identity, listing
from lake.compact import retention
from lake.compact.compactor import Compactor
from lake.errors import LakeUnusable
from lake.labels.checks import LabelChecks
from lake.labels.writer import LabelWriter
from lake.models import BatchRun, CatalogIdentity, DataFile, IndexFile
from lake.query.spec import Search
from lake.rebuild.rebuild import rebuild
from lake.scan.snapshot import pin_snapshot
from lake.search import post_labels
from lake.search.reader import Reader
from lake.storage import layout
from lake.verify.checked_lake import CheckedLake
from lake.verify.findings import Report
from tests.builders import ALICE, BOB, NOON_US, delete, post
from tests.lake.labels.labelling import labels_of, table, write

HOUR_US = 3_600_000_000
LABELLED = datetime.fromisoformat("2026-07-02T12:00:00")


def said(lake):
    """Of each label in the lake."""
    return [(row["rkey"], row["name"], row["score"], row["value"], row["state"]) for row in lake.rows("labels")]


@pytest.fixture
def filled(lake):
    """Two posts in two hours, three labels."""
    lake.flush(post(rkey="one", time_us=NOON_US), post(did=BOB, rkey="two", time_us=NOON_US + HOUR_US))
    one, two = lake.rows("posts")
    rows = labels_of(
        one,
        {"score": 0.9, "model": "m", "version": "1", "labelled_at": LABELLED},
        {"name": "lang", "value": "en", "model": "m", "labelled_at": LABELLED},
    )
    assert write(lake.root, rows + labels_of(two, {"score": 0.1, "labelled_at": LABELLED})) == 3
    return lake


def hits(lake):
    return Reader(lake.engine, lake.root).find(pin_snapshot(Search(dataset="labels"))).hits


def compact(lake, scratch):
    compactor = Compactor(lake.root, scratch, 1, after=0, grace=0, stop=lambda: False)
    compactor.prepare()
    compactor.round(daily=True, patient=False)


def test_a_label_lies_in_the_hour_of_its_post(filled):
    posts = {(row["did"], row["rkey"]): row for row in filled.rows("posts")}
    for row in filled.rows("labels"):
        of = posts[row["did"], row["rkey"]]
        assert [row[name] for name in ("seen", "rev", "created_at")] == [
            of[name] for name in ("seen", "rev", "created_at")
        ]
    files = DataFile.listed.filter(dataset="labels").order_by("hour")
    assert [file.hour for file in files] == [layout.hour_of(NOON_US), layout.hour_of(NOON_US + HOUR_US)]
    assert len({file.path.rpartition("/")[2] for file in files}) == 1
    assert all(layout.is_label_file(file.path.rpartition("/")[2]) for file in files)


def test_later_labels_have_higher_arrivals(filled):
    before = [row["arrival"] for row in filled.rows("labels")]
    post_one = filled.rows("posts")[0]
    write(filled.root, labels_of(post_one, {"score": 0.2}, {"score": 0.3}))
    later = [row for row in filled.rows("labels") if row["arrival"] not in before]
    assert min(row["arrival"] for row in later) > max(before)
    assert [row["score"] for row in sorted(later, key=lambda row: row["arrival"])] == [0.2, 0.3]


def test_what_is_committed_with_labels_is_so_only_with_them(filled):
    def fails():
        raise LakeUnusable("no")

    with pytest.raises(LakeUnusable):
        write(filled.root, labels_of(filled.rows("posts")[0], {"score": 0.2}), fails)
    assert len(filled.rows("labels")) == 3
    assert CatalogIdentity.objects.get().label == 1
    # The killed one's files are removed at the next start.
    assert write(filled.root, labels_of(filled.rows("posts")[0], {"score": 0.2})) == 1
    assert {str(path.relative_to(filled.root)) for path in filled.root.glob("labels/**/*.parquet")} == set(
        DataFile.listed.filter(dataset="labels").values_list("path", flat=True)
    )
    assert not (filled.root / layout.ORPHANS).exists()
    assert identity.read_marker(filled.root) == identity.of_catalog()


def test_nothing_to_write_is_still_committed(filled):
    done = []
    assert LabelWriter(filled.root).write(table([]), lambda: done.append(transaction.get_connection())) == 0
    assert done


def test_compaction_makes_one_file_of_an_hours_labels(filled, tmp_path):
    before = sorted(map(str, said(filled)))
    write(filled.root, labels_of(filled.rows("posts")[0], {"score": 0.2, "labelled_at": LABELLED}))
    compact(filled, tmp_path / "scratch")
    assert [file.compacted for file in listing.listed_files() if file.dataset == "labels"] == [True, True]
    assert sorted(map(str, said(filled))) == sorted([*before, str(("one", "toxic", 0.2, None, None))])


def test_the_labels_of_a_deleted_post_are_purged_with_it(filled, tmp_path):
    filled.flush(delete("one", time_us=NOON_US + 9))
    assert [hit.key.rkey for hit in hits(filled)] == ["two"]
    compact(filled, tmp_path / "scratch")
    gone = ("one", None, None, None, "deleted")
    assert sorted(said(filled), key=str) == sorted([gone, gone, ("two", "toxic", 0.1, None, None)], key=str)
    assert all(row["model"] is row["version"] is row["labelled_at"] is None for row in filled.rows("labels")[:2])
    filled.flush(post(rkey="three", time_us=NOON_US + 10))
    write(filled.root, labels_of(next(row for row in filled.rows("posts") if row["rkey"] == "three"), {"score": 1.0}))
    compact(filled, tmp_path / "scratch")  # rewrites the hour: a purged label is like no other
    assert len(filled.rows("labels")) == 4
    assert [hit.key.rkey for hit in hits(filled)] == ["two", "three"]


def test_the_new_text_of_a_post_has_no_label_yet(filled, tmp_path):
    filled.flush(post("new text", "update", rkey="one", time_us=NOON_US + 9))
    assert [hit.key.rkey for hit in hits(filled)] == ["two"]
    compact(filled, tmp_path / "scratch")
    assert {row["state"] for row in filled.rows("labels") if row["rkey"] == "one"} == {"superseded"}
    assert [hit.key.rkey for hit in hits(filled)] == ["two"]


def test_labels_are_searched_as_any_dataset(filled):
    found = hits(filled)
    assert [hit.uri for hit in found] == [
        f"at://{BOB}/app.bsky.feed.post/two",
        *[f"at://{ALICE}/app.bsky.feed.post/one"] * 2,
    ]
    assert {(hit.fields["name"], hit.fields["score"], hit.fields["value"], hit.fields["model"]) for hit in found} == {
        ("toxic", 0.1, None, None),
        ("toxic", 0.9, None, "m"),
        ("lang", None, "en", "m"),
    }
    assert {hit.fields["labelled_at"] for hit in found} == {"2026-07-02T12:00:00.000000Z"}


def test_a_catalog_made_anew_from_the_files_has_the_labels(filled, tmp_path):
    compact(filled, tmp_path / "scratch")
    write(filled.root, labels_of(filled.rows("posts")[0], {"score": 0.2}))
    before, state = sorted(map(str, filled.rows("labels"))), identity.of_catalog()
    for model in (DataFile, IndexFile, BatchRun, CatalogIdentity):
        model.objects.all().delete()
    (filled.root / layout.MARKER).unlink()  # all that is left are the files
    rebuilt = rebuild(filled.root, filled.engine, tmp_path / "scratch")
    assert not rebuilt.damaged
    assert sorted(map(str, filled.rows("labels"))) == before
    assert identity.of_catalog().label == state.label == 2
    assert not any("labels" in run.rows for run in BatchRun.objects.all())


def test_a_label_without_its_post_is_a_fault(filled):
    checks = LabelChecks(CheckedLake(filled.root, filled.engine, Report()))
    assert [finding for task in checks.tasks() for finding in task.check()] == []
    stranger = filled.rows("posts")[0] | {"rkey": "stranger"}
    write(filled.root, labels_of(stranger, {"score": 0.2}, {"score": 0.3}))
    (finding,) = [finding for task in checks.tasks() for finding in task.check()]
    assert "holds 2 labels without a post" in finding.problem
    assert "stranger" in finding.problem


def test_an_older_copy_of_the_catalog_is_refused_by_its_labels(filled):
    CatalogIdentity.objects.update(label=0)
    with pytest.raises(LakeUnusable, match=r"older copy: it ends with flush 1 and compaction 0, .* and labels 1"):
        identity.require_match(filled.root)


def test_labels_go_with_their_posts_at_the_latest():
    assert retention.effective({"posts": 7}) == {"posts": 7, "labels": 7}
    assert retention.effective({"posts": 7, "labels": 30}) == {"posts": 7, "labels": 7}
    assert retention.effective({"posts": 7, "labels": 3, "likes": 1}) == {"posts": 7, "labels": 3, "likes": 1}
    assert retention.effective({"likes": 7}) == {"likes": 7}


def test_a_label_does_not_exist_for_an_answer_of_before(lake, tmp_path):
    lake.flush(post(rkey="one", time_us=NOON_US))
    before, reader = pin_snapshot(Search(dataset="labels")), Reader(lake.engine, lake.root)
    write(lake.root, labels_of(lake.rows("posts")[0], {"score": 0.5}))
    posts = reader.find(Search()).hits
    for _ in range(2):
        assert reader.find(before).hits == []
        assert post_labels.labels_of(reader.scanner, posts, before.snapshot_us, 9) == {}
        assert len(post_labels.labels_of(reader.scanner, posts, before.snapshot_us + 1, 9)) == 1
        assert len(hits(lake)) == 1
        compact(lake, tmp_path / "scratch")


EXPORTS = {
    "csv": f'"at://{BOB}/app.bsky.feed.post/two","toxic",0.1,,,"2026-07-02T12:00:00.000000Z"',
    "ndjson": f'{{"id":"at://{BOB}/app.bsky.feed.post/two","name":"toxic","score":0.1,"value":null,"model":null,'
    '"labelled_at":"2026-07-02T12:00:00.000000Z"}',
}


@pytest.mark.parametrize("suffix", EXPORTS)
def test_labels_are_exported_as_any_dataset(filled, client, suffix):
    fields = "id,name,score,value,model,labelled_at"
    asked = {"dataset": "labels", "format": suffix, "fields": fields, "did": BOB}
    body = b"".join(client.get("/export", asked).streaming_content).decode()
    assert body.splitlines()[-1] == EXPORTS[suffix]
