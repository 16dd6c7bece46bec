"""The admin shows what the pipeline wrote, and lets nobody change it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib import admin
from django.urls import reverse

from ingest.models import Checkpoint, Connection
from ingest.read_only_admin import ReadOnlyAdmin
from lake.models import BatchRun, DataFile, InactiveAccount, IndexFile, Request, Retention, Tombstone
from tests.builders import ALICE, BOB, NOON_US

NOON = datetime.fromtimestamp(NOON_US / 1e6, UTC)
MODELS = (BatchRun, DataFile, IndexFile, Tombstone, InactiveAccount, Request, Connection, Checkpoint)
PASSWORD = "a long password of the admin"


@pytest.fixture
def visitor(client, django_user_model, settings):
    """The browser of an admin who has logged in."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real one is slow on purpose
    client.force_login(django_user_model.objects.create_superuser("ada", "ada@example.org", PASSWORD))
    return client


@pytest.fixture
def rows(db, django_user_model):
    """Some of everything."""
    day = timedelta(days=1)
    good = BatchRun.objects.create(
        started_at=NOON, seconds=1.5, state="committed", events=3, rows={"posts": 2, "likes": 1}, bytes_in=5_000_000
    )
    BatchRun.objects.create(started_at=NOON - day, seconds=2, state="failed", events=9, error="disk full " * 30)
    for dataset, superseded in (("posts", None), ("likes", NOON)):
        DataFile.objects.create(
            path=f"{dataset}/f-1.parquet",
            dataset=dataset,
            hour=NOON,
            rows=2,
            bytes=3_000_000,
            min_seen=NOON,
            max_seen=NOON,
            sha256="0" * 64,
            batch=good,
            superseded_at=superseded,
        )
    for did in (ALICE, BOB):
        Tombstone.objects.create(did=did, collection="app.bsky.feed.post", rkey="r", rev="3abc", seen=NOON)
        InactiveAccount.objects.create(did=did, status="takendown" if did == BOB else "deleted", time_us=NOON_US)
    IndexFile.objects.create(path=".index/1", start=NOON, end=NOON, files=[], rows=2, bytes=1, sha256="0" * 64)
    Request.objects.create(kind="flush")
    for host, gap in (("east.example", None), ("west.example", 1234.5)):
        Connection.objects.create(
            host=host,
            wire="v1",
            opened_at=NOON,
            saved_at=NOON,
            gap_seconds=gap,
            first_received=NOON_US,
            last_received=2**62,
        )
    Checkpoint.objects.create(time_us=NOON_US, host="east.example", seq=7)


def url(model, page="changelist", *args):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


def listed(visitor, model, **query):
    """The rows that the list shows."""
    response = visitor.get(url(model), query)
    assert response.status_code == 200
    return list(response.context["cl"].result_list)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_list_and_each_page_show_and_nothing_can_be_changed(visitor, rows, model):
    row = model.objects.first()
    before = list(model.objects.values())
    assert len(listed(visitor, model)) == len(before)
    page = visitor.get(url(model, "change", row.pk)).content.decode()
    assert 'name="_save"' not in page
    assert "deletelink" not in page
    if model is not Request:
        assert visitor.get(url(model, "add")).status_code == 403
        assert visitor.post(url(model, "add"), {}).status_code == 403
    assert visitor.post(url(model, "change", row.pk), {"host": "x"}).status_code == 403
    assert visitor.post(url(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    visitor.post(url(model), {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"})
    assert list(model.objects.values()) == before


@pytest.mark.parametrize(
    ("model", "query", "found"),
    [
        (BatchRun, {"state__exact": "failed"}, 1),
        (BatchRun, {"started_at__year": 2026, "started_at__month": 7, "started_at__day": 1}, 1),
        (BatchRun, {"q": "disk full"}, 1),
        (DataFile, {"dataset": "posts"}, 1),
        (DataFile, {"superseded_at__isempty": 1}, 1),
        (DataFile, {"q": "likes/f-"}, 1),
        (DataFile, {"hour__year": 2025}, 0),
        (Tombstone, {"q": ALICE}, 1),
        (Tombstone, {"q": ALICE[:-1]}, 0),
        (InactiveAccount, {"q": BOB}, 1),
        (InactiveAccount, {"status": "takendown"}, 1),
        (Request, {"state__exact": "waiting", "kind__exact": "flush"}, 1),
        (Request, {"state__exact": "done"}, 0),
        (Connection, {"host": "west.example"}, 1),
        (Connection, {"gap_seconds__isempty": 0}, 1),
        (Connection, {"q": "west"}, 1),
    ],
)
def test_filters_and_searches_narrow_the_list(visitor, rows, model, query, found):
    assert len(listed(visitor, model, **query)) == found


def test_values_are_written_for_people(visitor, rows):
    shown = {model: visitor.get(url(model)).content.decode().replace("\xa0", " ") for model in MODELS}
    assert "4.8 MB" in shown[BatchRun]
    assert "disk full…" not in shown[BatchRun]
    assert "…" in shown[BatchRun]
    assert "2.9 MB" in shown[DataFile]
    assert "1,234.5 s" in shown[Connection]
    assert "2026-07-01T12:00:00.000000Z" in shown[Connection]
    assert "2026-07-01T12:00:00.000000Z" in shown[Checkpoint]
    assert "2026-07-01T12:00:00.000000Z" in shown[InactiveAccount]


def test_who_is_not_logged_in_sees_nothing(client, db):
    for model in MODELS:
        response = client.get(url(model))
        assert response.status_code == 302
        assert "/admin/login/" in response["Location"]


def test_all_tables_of_the_pipeline_are_read_only():
    ours = [page for model, page in admin.site._registry.items() if model in MODELS]
    assert len(ours) == len(MODELS)
    assert all(isinstance(page, ReadOnlyAdmin) for page in ours)


# --- what may be asked for ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["flush", "compact"])
def test_an_action_is_asked_for_by_adding_a_request(visitor, db, kind):
    assert 'name="state"' not in visitor.get(url(Request, "add")).content.decode()
    assert visitor.post(url(Request, "add"), {"kind": kind, "state": "done"}).status_code == 302
    request = Request.objects.get()
    assert (request.kind, request.state, request.asked_by.username) == (kind, "waiting", "ada")


def test_retention_takes_datasets_and_days_and_nothing_else(visitor, db):
    for wrong in ({"dataset": "pots", "days": 7}, {"dataset": "posts", "days": 0}, {"dataset": "posts", "days": "x"}):
        assert visitor.post(url(Retention, "add"), wrong).status_code == 200
        assert not Retention.objects.exists()
    assert visitor.post(url(Retention, "add"), {"dataset": "posts", "days": 7}).status_code == 302
    assert visitor.post(url(Retention, "change", "posts"), {"days": "", "announced": 9}).status_code == 302
    assert list(Retention.objects.values_list()) == [("posts", None, None)]
