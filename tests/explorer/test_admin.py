"""The admin shows what the pipeline wrote, and lets nobody change it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.urls import reverse

from api.models import ApiKey
from ingest.models import Checkpoint, Connection
from ingest.read_only_admin import ReadOnlyAdmin
from lake.models import BatchRun, DataFile, InactiveAccount, IndexFile, Request, Retention, Tombstone
from tests.api.test_flags import saved
from tests.builders import ALICE, BOB, NOON_US

NOON = datetime.fromtimestamp(NOON_US / 1e6, UTC)
MODELS = (BatchRun, DataFile, IndexFile, Tombstone, InactiveAccount, Request, Connection, Checkpoint)
PASSWORD = "a long password of the admin"


@pytest.fixture
def visitor(client, django_user_model, settings):
    """The browser of an admin who has logged in."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real one is slow on purpose
    ContentType.objects.clear_cache()  # it would remember what the test before has rolled back
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


def ask(visitor, **fields):
    """The errors of the form by field; none: it was asked for."""
    response = visitor.post(url(Request, "add"), fields)
    return {} if response.status_code == 302 else dict(response.context["adminform"].form.errors)


@pytest.mark.parametrize("kind", ["flush", "compact"])
def test_an_action_is_asked_for_by_adding_a_request(visitor, db, kind):
    assert 'name="state"' not in visitor.get(url(Request, "add")).content.decode()
    assert visitor.post(url(Request, "add"), {"kind": kind, "state": "done"}).status_code == 302
    request = Request.objects.get()
    assert (request.kind, request.state, request.asked_by.username) == (kind, "waiting", "ada")


@pytest.mark.parametrize(
    ("fields", "arguments"),
    [
        (
            {"kind": "compact_hour", "dataset": "posts", "hour": "2026-07-01 12:30"},
            {"dataset": "posts", "hour": "2026-07-01T12:00:00+00:00"},
        ),
        (
            {"kind": "verify_files", "paths": " posts/f-1.parquet\n\nposts/f-1.parquet "},
            {"files": ["posts/f-1.parquet"]},
        ),
        ({"kind": "refresh_handle", "account": " @Alice.Example"}, {"account": "alice.example"}),
        ({"kind": "refresh_handle", "account": ALICE}, {"account": ALICE}),
    ],
)
def test_what_is_asked_for_is_kept_with_its_arguments(visitor, rows, settings, fields, arguments):
    settings.APPVIEW_URL = "https://appview.example"
    assert ask(visitor, **fields) == {}
    assert Request.objects.latest("pk").arguments == arguments


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"kind": "tidy up"}, "kind", "not one of the available"),
        ({"kind": "compact_hour", "dataset": "posts"}, "hour", "needed"),
        ({"kind": "compact_hour", "dataset": "pots", "hour": "2026-07-01 12"}, "dataset", "not one of the available"),
        ({"kind": "compact_hour", "dataset": "posts", "hour": "noon"}, "hour", "valid date"),
        ({"kind": "compact_hour", "dataset": "posts", "hour": "2999-01-01 00"}, "hour", "not over"),
        ({"kind": "compact_hour", "dataset": "likes", "hour": "2026-07-01 12"}, "hour", "has no files"),
        ({"kind": "verify_files"}, "paths", "needed"),
        ({"kind": "verify_files", "paths": "posts/<script>"}, "paths", "not listed, the first is posts/<script>"),
        ({"kind": "verify_files", "paths": " ".join(map(str, range(101)))}, "paths", "at most 100"),
        ({"kind": "retry_batch", "batch": "0"}, "batch", "greater than or equal to 1"),
        ({"kind": "retry_batch", "batch": "999999"}, "batch", "no batch 999999"),
        ({"kind": "refresh_handle", "account": "no handle"}, "account", "neither a handle"),
        ({"kind": "refresh_handle", "account": "alice.example"}, "account", "APPVIEW_URL is empty"),
    ],
)
def test_wrong_arguments_are_refused_at_their_field(visitor, rows, settings, fields, field, words):
    settings.APPVIEW_URL = ""
    (errors,) = ask(visitor, **fields).items()
    assert errors[0] == field
    assert words in errors[1][0]
    assert Request.objects.count() == 1


def test_only_a_failed_batch_is_retried(visitor, rows):
    good, failed = (BatchRun.objects.get(state=state).pk for state in ("committed", "failed"))
    assert "has not failed" in ask(visitor, kind="retry_batch", batch=good)["batch"][0]
    assert ask(visitor, kind="retry_batch", batch=failed) == {}
    visitor.post(url(BatchRun), {"action": "retry", "_selected_action": [good, failed]})
    assert list(Request.objects.order_by("pk").values_list("arguments", flat=True))[1:] == [{"batch": failed}] * 2


def test_files_are_verified_and_their_hours_compacted_from_their_list(visitor, rows):
    chosen = [file.pk for file in DataFile.objects.all()]
    visitor.post(url(DataFile), {"action": "verify", "_selected_action": chosen})
    visitor.post(url(DataFile), {"action": "compact", "_selected_action": chosen})
    verify, compact = Request.objects.order_by("pk")[1:]
    assert (verify.kind, verify.arguments) == ("verify_files", {"files": ["posts/f-1.parquet"]})
    assert compact.arguments == {"dataset": "posts", "hour": "2026-07-01T12:00:00+00:00"}
    assert verify.asked_by.username == "ada"


def test_a_request_shows_where_it_is_and_asks_again_until_it_has_ended(visitor, rows, settings, tmp_path):
    settings.DATABASE_PATH = tmp_path / "catalog.sqlite3"
    request = Request.objects.get()
    page = visitor.get(url(Request, "change", request.pk))
    assert "flush_buffer does not run: start it" in page.content.decode()
    assert page["Refresh"] == "2"
    Request.objects.update(state="failed", result="<script>x</script>")
    page = visitor.get(url(Request, "change", request.pk))
    assert "&lt;script&gt;x" in page.content.decode()
    assert "Refresh" not in page


def test_files_are_summed_up_by_day_and_dataset(visitor, rows):
    page = visitor.get("/admin/lake/datafile/days/").content.decode().replace("\xa0", " ")
    assert "?dataset=posts&amp;superseded_at__isempty=1&amp;day=2026-07-01" in page
    assert "1 file, 2 rows" in page  # the likes are superseded
    wrong = visitor.get("/admin/lake/datafile/days/?until=2020-02-31").content.decode()
    assert "?dataset=posts" in wrong
    assert "no files in these days" in visitor.get("/admin/lake/datafile/days/?until=2020-02-28").content.decode()


@pytest.mark.parametrize(("day", "found"), [("2026-07-01", 1), ("2026-06-30", 1), ("2026-06-29", 0), ("x", 2)])
def test_batches_are_filtered_by_day(visitor, rows, day, found):
    assert len(listed(visitor, BatchRun, day=day)) == found


def test_the_list_of_batches_draws_those_that_it_shows(visitor, rows):
    assert visitor.get(url(BatchRun)).content.decode().count("<rect") == 4
    assert visitor.get(url(BatchRun), {"state__exact": "failed"}).content.decode().count("<rect") == 2


def test_the_first_page_says_what_is_wrong_and_links_to_it(visitor, rows, lake_root):
    page = visitor.get("/admin/")
    text = page.content.decode()
    assert "Needs action" in text
    assert "flush_buffer was never started" in text or "flusher" in text
    assert page["Refresh"] == "30"
    assert {"stream", "buffer", "flusher", "compactor", "lake"} <= set(page.context["facts"].components)


def test_the_number_of_queries_does_not_grow_with_the_rows(visitor, rows, django_assert_max_num_queries):
    Request.objects.bulk_create(Request(kind="flush", state="done") for _ in range(60))
    for model in MODELS:
        with django_assert_max_num_queries(12):
            visitor.get(url(model))


# --- who changed what --------------------------------------------------------------------------------------------


def changes(visitor):
    """The latest first, as the log shows them."""
    return [entry.get_change_message() for entry in listed(visitor, LogEntry)]


def test_changes_of_flags_limits_and_keys_are_logged_from_value_to_value(visitor, db):
    saved(visitor, page_size=20, result_limit=False)
    visitor.post(url(Retention, "add"), {"dataset": "posts", "days": 7})
    visitor.post(url(Retention, "change", "posts"), {"days": 9})
    visitor.post(url(ApiKey, "add"), {"name": "lab", "rate_per_minute": 60})
    key = ApiKey.objects.get()
    visitor.post(url(ApiKey, "change", key.pk), {"name": "lab", "rate_per_minute": 7000})
    visitor.post(url(ApiKey), {"action": "revoke", "_selected_action": [key.pk]})
    said = changes(visitor)
    assert said[0].startswith("Changed revoked_at: empty → 20")
    assert said[1] == "Changed rate_per_minute: 60 → 7,000."
    assert said[3] == "Changed days: 7 → 9."
    flags = sorted(said[5].removeprefix("Changed ").rstrip(".").split(" and "))
    assert flags == ["page_size: 50 → 20", "result_limit: on → off"]


def test_the_page_of_the_flags_shows_the_latest_change_of_each(visitor, db):
    saved(visitor, page_size=20)
    saved(visitor, page_size=30)
    page = " ".join(visitor.get("/admin/constance/config/").content.decode().split())
    assert "20 &rarr; 30" in page
    assert "50 &rarr; 20" not in page
    assert len(listed(visitor, LogEntry, q="page_size")) == 2
    assert len(listed(visitor, LogEntry, q="result_limit_rows")) == 0
    assert "page_size: 20 → 30" in visitor.get("/admin/constance/config/history/").content.decode()


def test_retention_takes_datasets_and_days_and_nothing_else(visitor, db):
    for wrong in ({"dataset": "pots", "days": 7}, {"dataset": "posts", "days": 0}, {"dataset": "posts", "days": "x"}):
        assert visitor.post(url(Retention, "add"), wrong).status_code == 200
        assert not Retention.objects.exists()
    assert visitor.post(url(Retention, "add"), {"dataset": "posts", "days": 7}).status_code == 302
    assert visitor.post(url(Retention, "change", "posts"), {"days": "", "announced": 9}).status_code == 302
    assert list(Retention.objects.values_list()) == [("posts", None, None)]
