"""Who may do what in the admin: read-only sees all and changes nothing, operators change what is theirs."""

import re
from importlib import import_module

import pytest
from constance import config
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command

from api.answers.usernames import handle_lookup
from api.models import ApiKey, digest
from ingest.read_only_admin import ReadOnlyAdmin
from lake.models import BatchRun, DataFile, Request, Retention
from lake.withheld_models import OptOut
from tests.api.test_flags import saved
from tests.builders import ALICE
from tests.explorer.test_admin import rows, url  # noqa: F401 - a fixture

pytestmark = pytest.mark.django_db
groups = import_module("api.migrations.0003_groups")
labels = import_module("api.migrations.0004_groups_see_labels")
consent = import_module("api.migrations.0007_consent_groups")
OURS = [model for model in admin.site._registry if model._meta.app_label in ("lake", "ingest", "api", "admin")]
PAGES = ["/admin/", "/admin/constance/config/", "/admin/constance/config/history/", "/admin/lake/datafile/days/"]


@pytest.fixture
def browser(client, django_user_model, settings):
    """A call that logs in as somebody of this group."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real one is slow on purpose
    ContentType.objects.clear_cache()  # it would remember what the test before has rolled back
    for made in (groups, labels, consent):  # tests that empty all tables have removed them
        made.create(apps)

    def log_in(group):
        user = django_user_model.objects.create_user(group, password="x", is_staff=True)
        user.groups.add(Group.objects.get(name=group))
        client.force_login(user)
        return client

    return log_in


def test_making_them_again_changes_nothing_and_keeps_what_was_added():
    groups.create(apps)
    Group.objects.get(name="operator").permissions.add(Permission.objects.get(codename="view_user"))
    before = {group.name: set(group.permissions.all()) for group in Group.objects.all()}
    groups.create(apps)
    call_command("migrate", verbosity=0)  # and Django makes no second permission of that name
    assert {group.name: set(group.permissions.all()) for group in Group.objects.all()} == before
    assert Permission.objects.filter(codename="view_batchrun").count() == 1


def test_the_permissions_are_as_django_makes_them():
    Permission.objects.all().delete()
    groups.create(apps)
    made = dict(Permission.objects.values_list("codename", "name"))
    Permission.objects.all().delete()
    call_command("migrate", verbosity=0)
    assert made.items() <= dict(Permission.objects.values_list("codename", "name")).items()


@pytest.mark.parametrize("group", ["read-only", "operator"])
def test_both_see_every_page(browser, rows, group):  # noqa: F811
    visitor = browser(group)
    lists = [url(model) for model in OURS]
    assert {page: visitor.get(page).status_code for page in [*PAGES, *lists]} == dict.fromkeys([*PAGES, *lists], 200)
    assert visitor.get(url(BatchRun, "change", BatchRun.objects.first().pk)).status_code == 200


@pytest.mark.parametrize("group", ["read-only", "operator"])
def test_neither_comes_to_accounts(browser, group):
    visitor = browser(group)
    assert visitor.get("/admin/auth/user/").status_code == 403
    assert visitor.post("/admin/auth/user/add/", {"username": "x"}).status_code == 403


def test_read_only_changes_nothing_also_by_a_direct_post(browser, rows):  # noqa: F811
    visitor = browser("read-only")
    key = ApiKey(name="lab")
    key.make_secret()
    key.save()
    Retention.objects.create(dataset="posts", days=7)
    file, run = DataFile.objects.first(), BatchRun.objects.get(state="failed")
    before = Request.objects.count()
    for kind in Request.Kind:
        assert visitor.post(url(Request, "add"), {"kind": kind, "batch": run.pk}).status_code == 403
    for model, pk, action in (
        *((DataFile, file.pk, "verify"), (DataFile, file.pk, "compact"), (BatchRun, run.pk, "retry")),
        *((ApiKey, key.pk, "revoke"), (ApiKey, key.pk, "delete_selected")),
    ):
        visitor.post(url(model), {"action": action, "_selected_action": [pk], "post": "yes"})
    assert visitor.post(url(ApiKey, "add"), {"name": "mine", "rate_per_minute": 0}).status_code == 403
    assert visitor.post(url(ApiKey, "change", key.pk), {"name": "mine"}).status_code == 403
    assert visitor.post(url(Retention, "add"), {"dataset": "likes", "days": 1}).status_code == 403
    assert visitor.post(url(Retention, "change", "posts"), {"days": 1}).status_code == 403
    assert visitor.post(url(OptOut, "add"), {"did": ALICE}).status_code == 403
    saved(visitor, page_size=20)
    assert config.page_size == 50
    assert Request.objects.count() == before
    assert ApiKey.objects.get() == key
    assert ApiKey.objects.get().revoked_at is None
    assert Retention.objects.get().days == 7


def test_an_operator_changes_flags_limits_and_keys_and_asks_for_actions(browser, rows):  # noqa: F811
    visitor = browser("operator")
    assert saved(visitor, page_size=20).status_code == 302
    assert config.page_size == 20
    assert visitor.post(url(Retention, "add"), {"dataset": "likes", "days": 30}).status_code == 302
    page = visitor.post(url(ApiKey, "add"), {"name": "lab", "rate_per_minute": 60}, follow=True).content.decode()
    key = ApiKey.objects.get()
    (secret,) = re.findall(r"shown this once: (bpe_[\w-]{43})", page)
    assert digest(secret) == key.digest
    assert secret not in visitor.get(url(ApiKey)).content.decode()
    visitor.post(url(ApiKey), {"action": "revoke", "_selected_action": [key.pk]})
    assert ApiKey.objects.get().revoked_at is not None
    assert visitor.post(url(Request, "add"), {"kind": "flush"}).status_code == 302
    assert Request.objects.latest("pk").asked_by.username == "operator"


def test_an_operator_keeps_the_list_of_those_who_have_opted_out(browser, monkeypatch):
    visitor = browser("operator")
    monkeypatch.setattr(handle_lookup(), "did_of", {"alice.example": ALICE}.get)
    assert visitor.post(url(OptOut, "add"), {"did": "alice.example", "reason": "asked by mail"}).status_code == 302
    row = OptOut.objects.get()
    assert (row.did, row.reason, row.purge, row.added_by.username) == (ALICE, "asked by mail", False, "operator")
    assert b"is no DID" in visitor.post(url(OptOut, "add"), {"did": "nobody.example"}).content
    assert b"already exists" in visitor.post(url(OptOut, "add"), {"did": ALICE}).content
    assert visitor.post(url(OptOut, "change", row.pk), {"reason": "asked by mail", "purge": "on"}).status_code == 302
    assert OptOut.objects.get().purge
    page = visitor.get("/admin/admin/logentry/").content.decode()
    assert "purge: off → on" in page
    assert visitor.post(url(OptOut, "delete", row.pk), {"post": "yes"}).status_code == 302
    assert not OptOut.objects.exists()
    assert LogEntry.objects.filter(object_repr=ALICE, user__username="operator").count() == 3


def test_an_operator_deletes_nothing_and_changes_no_row_of_the_pipeline(browser, rows):  # noqa: F811
    visitor = browser("operator")
    for model in OURS:
        row = model.objects.first()
        if row is not None:
            assert visitor.post(url(model, "delete", row.pk), {"post": "yes"}).status_code == 403
            if isinstance(admin.site._registry[model], ReadOnlyAdmin):
                assert visitor.post(url(model, "change", row.pk), {}).status_code == 403


def test_somebody_of_neither_group_has_a_first_page_without_the_pipeline(client, django_user_model):
    client.force_login(django_user_model.objects.create_user("new", password="x", is_staff=True))
    page = client.get("/admin/")
    assert page.status_code == 200
    assert "Components" not in page.content.decode()
