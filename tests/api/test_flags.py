"""Flags over HTTP: typed and bounded in the admin, effective at once, read in one query a request."""

import pytest
from constance import config
from constance.models import Constance
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.urls import path
from rest_framework.response import Response

from api.views.view import View
from explorer.urls import urlpatterns as project
from lake.flags.definitions import DEFINITIONS, Flags
from lake.flags.store import flags

pytestmark = pytest.mark.django_db
PAGE = "/admin/constance/config/"


class Show(View):
    def get(self, _request):
        assert self.flags is self.flags
        return Response(self.flags._asdict())


urlpatterns = [path("show", Show.as_view()), *project]


@pytest.fixture(autouse=True)
def clean_admin(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real one is slow on purpose
    ContentType.objects.clear_cache()  # it would remember what the test before has rolled back


@pytest.fixture
def shown(client, settings):
    """A call that asks over HTTP for what the flags are."""
    settings.ROOT_URLCONF = __name__
    return lambda: client.get("/show").json()


@pytest.fixture
def staff(client, django_user_model):
    """A call that logs the browser in as somebody with these permissions."""

    def log_in(*permissions):
        user = django_user_model.objects.create_user("sam", password="x", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
        client.force_login(user)
        return client

    return log_in


def saved(browser, **changes):
    """The form of the flags, sent back as it came but for the changes."""
    form = browser.get(PAGE).context["form"]
    values = {name: form[name].value() for name in form.fields} | changes
    return browser.post(PAGE, {name: value for name, value in values.items() if value is not False})


def test_one_query_reads_them_all(client, shown):
    shown()
    with CaptureQueriesContext(connection) as queries:
        shown()
    assert len(queries) == 1


def test_the_form_changes_them_at_once_and_only_what_was_changed(admin_client, shown):
    page = admin_client.get(PAGE).content.decode()
    assert "<title>Flags" in page
    assert all(flag.meaning in page for flag in DEFINITIONS.values())
    assert saved(admin_client, result_limit=False, page_size=20, query_timeout_seconds=1.5).status_code == 302
    changed = {"result_limit": False, "page_size": 20, "query_timeout_seconds": 1.5}
    assert set(Constance.objects.values_list("key", flat=True)) == set(changed)
    assert shown() == {**Flags()._asdict(), **changed}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("page_size", 1001),
        ("page_size", 0),
        ("page_size", "many"),
        ("page_size", ""),
        ("result_limit_rows", 0),
        ("export_limit_rows", -1),
        ("anonymous_rate", 1.5),
        ("query_timeout_seconds", 0),
        ("query_timeout_seconds", "nan"),
        ("query_timeout_seconds", 601),
    ],
)
def test_the_form_refuses_what_is_out_of_bounds(admin_client, name, value):
    response = saved(admin_client, **{name: value})
    assert list(response.context["form"].errors) == [name]
    assert not Constance.objects.exists()


def test_permissions_are_djangos(staff):
    assert staff().get(PAGE).status_code == 403


def test_who_may_view_may_not_change(staff):
    browser = staff("view_config")
    saved(browser, page_size=20)
    assert flags().page_size == 50


def test_who_may_change_need_not_be_a_superuser(staff):
    assert saved(staff("change_config"), page_size=20).status_code == 302
    assert flags().page_size == 20


@pytest.mark.parametrize(("name", "text"), [("page_size", "{"), ("result_limit", '{"__type__": "uuid"}')])
def test_the_form_shows_the_default_of_an_invalid_value_and_overwrites_it(admin_client, shown, name, text):
    Constance.objects.create(key=name, value=text)
    assert shown() == Flags()._asdict()
    new = False if name == "result_limit" else 11
    assert saved(admin_client, **{name: new}).status_code == 302
    assert shown()[name] == new


def test_a_catalog_that_is_away_is_a_503_and_no_guess(client, settings, monkeypatch):
    def fail(*_args, **_kwargs):
        raise OperationalError("database is locked")

    settings.ROOT_URLCONF = __name__
    monkeypatch.setattr(Constance.objects, "filter", fail)
    response = client.get("/show")
    assert (response.status_code, response.json()["error"]["code"]) == (503, "lake_unavailable")


def test_all_works_while_redis_is_down(client, lake_root, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    config.page_size = 3
    assert flags().page_size == 3
    assert client.get("/search").status_code == 200
    assert client.get("/search", headers={"X-API-Key": "bpe_wrong"}).status_code == 401
