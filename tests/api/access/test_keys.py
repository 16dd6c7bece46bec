"""API keys: made and revoked in the admin, sent in a header, refused with a sentence."""

import hashlib
import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from constance import config
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from django.urls import path
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.response import Response

from api.access.keys import sent_key
from api.models import ApiKey, digest
from api.views.view import OpenView, View
from deploy.local.child import ROOT
from explorer.urls import urlpatterns as project

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
ADMIN = "/admin/api/apikey/"


class Who(View):
    def get(self, request):
        return Response({"key": request.auth and request.auth.name})


class Open(OpenView):
    def get(self, _request):
        return Response({})


urlpatterns = [path("who", Who.as_view()), path("open", Open.as_view()), *project]


@pytest.fixture(autouse=True)
def quick_passwords(settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real one is slow on purpose


@pytest.fixture
def ask(client, settings, db):
    """A call that asks with these headers who we are."""
    settings.ROOT_URLCONF = __name__
    return lambda **headers: client.get("/who", headers=headers)


@pytest.fixture
def secret(db):
    return made()


def made(name="ada", **fields):
    key = ApiKey(name=name, **fields)
    secret = key.make_secret()
    key.save()
    return secret


def must_be_refused(response, code, words):
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["temporary"]) == (401, code, False)
    assert words in error["message"]
    assert response["WWW-Authenticate"] == 'Bearer realm="Bluesky Post Explorer"'
    assert error["request_id"] == response["X-Request-Id"]
    assert f"`{code}`" in (ROOT / "docs" / "api.md").read_text()


def test_a_secret_has_256_bits_and_is_not_stored(secret):
    key = ApiKey.objects.get()
    assert re.fullmatch(r"bpe_[\w-]{43}", secret)
    assert secret.startswith(key.prefix)
    assert len(key.prefix) == 12
    assert key.digest == hashlib.sha256(secret.encode()).hexdigest()
    assert secret not in str(ApiKey.objects.values())
    assert made() != secret


@pytest.mark.parametrize(
    "header",
    [("Authorization", "Bearer {}"), ("Authorization", "bearer   {} "), ("X-API-Key", "{}"), ("X-API-Key", " {} ")],
)
def test_a_key_is_known_in_each_header(ask, secret, header):
    name, form = header
    assert ask(**{name: form.format(secret)}).json() == {"key": "ada"}


def test_without_one_nobody_in_particular_asks(ask):
    assert ask().json() == {"key": None}


def test_another_scheme_is_not_for_us(ask, secret):
    assert ask(Authorization="Basic YTpi").json() == {"key": None}
    assert ask(Authorization="Basic YTpi", **{"X-API-Key": secret}).json() == {"key": "ada"}


@pytest.mark.parametrize("sent", ["bpe_wrong", "{}x", "x{}", "bpe_", "\xff", "ÿ" * 9, "a b"])
def test_an_unknown_key_is_refused_although_none_is_needed(ask, secret, sent):
    response = ask(Authorization=f"Bearer {sent.format(secret)}")
    must_be_refused(response, "unknown_key", "send it whole, as `Authorization: Bearer <key>` or `X-API-Key: <key>`")


def test_an_empty_bearer_is_an_unknown_key(ask, secret):
    must_be_refused(ask(Authorization="Bearer "), "unknown_key", "unknown")


def test_a_digest_is_no_key(ask, secret):
    must_be_refused(ask(Authorization=f"Bearer {ApiKey.objects.get().digest}"), "unknown_key", "unknown")


@time_machine.travel(NOW, tick=False)
def test_a_key_ends_at_its_time(ask):
    secret, second = made(expires_at=NOW + timedelta(seconds=1)), timedelta(seconds=1)
    assert ask(**{"X-API-Key": secret}).status_code == 200
    ApiKey.objects.update(expires_at=NOW - second)
    must_be_refused(ask(**{"X-API-Key": secret}), "expired_key", "… expired on 2026-07-01 11:59 UTC: ask the operator")
    ApiKey.objects.update(expires_at=NOW)
    must_be_refused(ask(**{"X-API-Key": secret}), "expired_key", secret[:12])
    ApiKey.objects.update(revoked_at=NOW)
    must_be_refused(ask(**{"X-API-Key": secret}), "revoked_key", "was revoked on 2026-07-01 12:00 UTC")


def test_anonymous_access_off_wants_a_key_and_says_how(ask, client, secret):
    config.anonymous_access = False
    must_be_refused(
        ask(), "not_authenticated", "send an API key as `Authorization: Bearer <key>` or `X-API-Key: <key>`"
    )
    assert ask(**{"X-API-Key": secret}).status_code == 200
    assert client.get("/open").status_code == 200


def test_each_place_of_the_api_is_guarded_and_what_tells_of_it_is_not(client, db, lake_root):
    config.anonymous_access = False
    for place in ("/search", "/export", "/api/v1/search", "/api/v1/export"):
        assert client.get(place).status_code == 401, place
        assert client.head(place).status_code == 401, place
    for place in ("/", "/health/live", "/health/ready", "/api/docs"):
        assert client.get(place, headers={"X-API-Key": "bpe_wrong"}).status_code == 200, place


def test_health_live_asks_the_catalog_nothing(client, db):
    with CaptureQueriesContext(connection) as queries:
        assert client.get("/health/live", headers={"X-API-Key": "bpe_wrong"}).status_code == 200
    assert not queries.captured_queries


def test_the_last_use_is_noted_once_a_minute(ask, secret):
    with time_machine.travel(NOW, tick=False) as clock:
        for seconds, noted in ((0, 0), (59, 0), (2, 61), (59, 61)):
            clock.shift(seconds)
            assert ask(**{"X-API-Key": secret}).status_code == 200
            assert ApiKey.objects.get().last_used_at == NOW + timedelta(seconds=noted)


@pytest.mark.django_db(transaction=True)
def test_a_key_works_while_its_use_can_not_be_noted(ask, secret, monkeypatch, caplog):
    def fail(*_args, **_kwargs):
        raise OperationalError("database is locked")

    monkeypatch.setattr(QuerySet, "update", fail)
    assert ask(**{"X-API-Key": secret}).json() == {"key": "ada"}
    assert "not recorded" in caplog.text
    assert secret not in caplog.text
    with connection.cursor() as cursor:
        assert cursor.execute("PRAGMA busy_timeout").fetchone() == (30_000,)


def test_noting_waits_100_ms_for_the_lock_and_no_longer(ask, secret):
    with CaptureQueriesContext(connection) as queries:
        ask(**{"X-API-Key": secret})
    pragmas = [query["sql"] for query in queries if "PRAGMA" in query["sql"]]
    assert pragmas == ["PRAGMA busy_timeout = 100", "PRAGMA busy_timeout = 30000"]
    assert not transaction.get_connection().needs_rollback


@given(st.text(), st.text())
def test_what_is_sent_is_a_key_or_none(authorization, x_api_key):
    sent = sent_key(authorization, x_api_key)
    assert sent is None or sent == sent.strip()
    if sent is not None:
        assert len(digest(sent)) == 64


def test_the_admin_makes_a_key_and_shows_it_once(admin_client, ask):
    response = admin_client.post(f"{ADMIN}add/", {"name": "ada", "rate_per_minute": 60}, follow=True)
    (secret,) = set(re.findall(r"bpe_[\w-]{43}", response.content.decode()))
    assert ask(**{"X-API-Key": secret}).json() == {"key": "ada"}
    key = ApiKey.objects.get()
    for page in (ADMIN, f"{ADMIN}{key.pk}/change/", f"{ADMIN}{key.pk}/history/"):
        text = admin_client.get(page).content.decode()
        assert secret not in text
        assert key.digest not in text
    assert secret not in str(LogEntry.objects.values())


def test_a_new_key_has_a_rate(admin_client, db):
    form = admin_client.get(f"{ADMIN}add/").content.decode()
    assert re.search(r'name="rate_per_minute" value="6000"', form)
    assert ApiKey(name="ada").rate_per_minute == 6000


def test_a_changed_key_keeps_its_secret(admin_client, secret):
    key = ApiKey.objects.get()
    admin_client.post(f"{ADMIN}{key.pk}/change/", {"name": "bob", "rate_per_minute": 5, "digest": "x", "prefix": "y"})
    changed = ApiKey.objects.get()
    assert (changed.name, changed.rate_per_minute) == ("bob", 5)
    assert (changed.digest, changed.prefix) == (key.digest, key.prefix)


def test_the_admin_revokes(admin_client, ask, secret):
    chosen = {"action": "revoke", "_selected_action": [ApiKey.objects.get().pk]}
    assert "1 revoked" in admin_client.post(ADMIN, chosen, follow=True).content.decode()
    must_be_refused(ask(**{"X-API-Key": secret}), "revoked_key", "was revoked on")
    first = ApiKey.objects.get().revoked_at
    assert "0 revoked" in admin_client.post(ADMIN, chosen, follow=True).content.decode()
    assert ApiKey.objects.get().revoked_at == first


def test_permissions_are_djangos(client, django_user_model, secret):
    sam = django_user_model.objects.create_user("sam", password="x", is_staff=True)
    client.force_login(sam)
    assert client.get(ADMIN).status_code == 403
    sam.user_permissions.set(Permission.objects.filter(codename="view_apikey"))
    assert client.get(ADMIN).status_code == 200
    assert client.post(f"{ADMIN}add/", {"name": "eve", "rate_per_minute": 0}).status_code == 403
    client.post(ADMIN, {"action": "revoke", "_selected_action": [ApiKey.objects.get().pk]})
    assert ApiKey.objects.get().revoked_at is None
