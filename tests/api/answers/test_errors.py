"""Every error in one shape, also while developing."""

import logging
import re

import pytest
import structlog
from django.test import Client
from django.urls import path
from structlog.testing import capture_logs

from api.answers.errors import level
from lake.errors import LakeUnusable
from tests.api.views.test_view import must_be_error
from tests.builders import post

pytestmark = pytest.mark.django_db


@pytest.fixture(params=[False, True], ids=["production", "debug"], autouse=True)
def debug(request, settings):
    settings.DEBUG = request.param


@pytest.fixture
def quiet_client(client):
    client.raise_request_exception = False
    return client


@pytest.mark.parametrize(
    "place", ["/nope", "/search/", "/api/v1/", "/api/v1/nope", "/export/nope", "/favicon.ico", "/%FF"]
)
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_there_is_nothing_at_other_paths(client, place, method):
    must_be_error(getattr(client, method)(place), 404, "not_found")


READ_ONLY = [
    "/",
    "/health/live",
    "/health/ready",
    "/health/fresh",
    "/api/docs",
    "/api/schema",
    "/api/guide",
    "/export/manifest/x",
]
ASKED = ["/search", "/export", "/export/manifest", "/api/v1/search", "/api/v1/timeline", "/api/v1/top", "/api/v1/stats"]


@pytest.mark.parametrize(
    ("places", "allowed"), [(READ_ONLY, "GET, HEAD"), (ASKED, "GET, HEAD, POST"), (["/api/v1/posts"], "POST")]
)
@pytest.mark.parametrize("method", ["get", "post", "put", "patch", "delete", "options", "trace"])
def test_other_methods_are_refused_and_told_what_is_allowed(places, allowed, method):
    for place in places:
        if method.upper() not in allowed:
            response = getattr(Client(enforce_csrf_checks=True), method)(place)
            must_be_error(response, 405, "method_not_allowed")
            assert response["Allow"] == allowed
            assert allowed in response.json()["error"]["message"]


@pytest.mark.parametrize("place", ["/search", "/export", "/api/v1/top"])
def test_a_post_needs_no_token_of_a_form(lake, place):
    response = Client(enforce_csrf_checks=True).post(place, {}, content_type="application/json")
    assert response.status_code == 200
    response.getvalue()


def test_an_unexpected_error_is_logged_and_tells_nothing(quiet_client, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("secret")

    monkeypatch.setattr("api.answers.page.reader", fail)
    monkeypatch.setattr("api.answers.export.reader", fail)
    monkeypatch.setattr("api.answers.analysis.reader", fail)
    for place in ("/search", "/export", "/api/v1/top"):
        response = quiet_client.get(place)
        error = must_be_error(response, 500, "internal_error")
        assert "secret" not in response.content.decode()
        assert error["request_id"] in caplog.text
        assert "secret" in caplog.text


def broken(_request):
    raise RuntimeError("secret")


urlpatterns = [path("broken", broken)]


def test_an_error_of_a_plain_django_view_has_the_shape_too(quiet_client, settings):
    settings.ROOT_URLCONF = __name__
    response = quiet_client.get("/broken")
    must_be_error(response, 500, "internal_error")
    assert "secret" not in response.content.decode()


def test_a_foreign_host_is_refused(client):
    must_be_error(client.get("/search", headers={"host": "evil.example"}), 400, "bad_request")


def test_the_admin_keeps_its_own_pages(client):
    assert client.get("/admin").status_code == 302
    response = client.get("/admin/nope/")
    assert response.status_code == 302  # to the login
    assert client.get("/admin/login/")["Content-Type"].startswith("text/html")
    assert response["X-Request-Id"]


def test_request_ids_differ(client):
    assert client.get("/health/live")["X-Request-Id"] != client.get("/health/live")["X-Request-Id"]


def test_refused_and_slow_requests_leave_one_line_each_without_their_query(db, client, monkeypatch):
    with capture_logs() as logs:
        refused = client.get("/search?text=secret&x=1")
        client.get("/nowhere%0a?text=secret")
        client.get("/health/live?text=secret")
    assert [(line["path"], line["status"], line["outcome"]) for line in logs] == [
        ("/search", 400, "invalid_parameter"),
        ("/nowhere\\n", 404, "not_found"),
    ]
    assert logs[0]["request_id"] == refused["X-Request-Id"]
    assert {line["log_level"] for line in logs} == {"info"}
    assert all(line["ms"] >= 0 for line in logs)
    assert "secret" not in str(logs)
    monkeypatch.setattr("api.answers.errors.SLOW_MS", 0)
    with capture_logs() as logs:
        client.get("/health/live?text=secret")
    assert [(line["path"], line["status"], line["outcome"]) for line in logs] == [("/health/live", 200, "slow")]


@pytest.mark.parametrize("given", ["0f8fad5bd9cb469fa16570867728950e", "edge-7:a.b_C", "1"])
def test_a_request_keeps_the_id_that_it_comes_with(client, given):
    response = client.get("/nope", headers={"X-Request-ID": given})
    assert response["X-Request-Id"] == response.json()["error"]["request_id"] == given


@pytest.mark.parametrize("given", ["", "a b", "a\nb", "-a", "x" * 65, "<script>", "ä", "a;b"])
def test_an_id_that_is_not_well_formed_is_replaced(client, given):
    assert re.fullmatch("[0-9a-f]{32}", client.get("/nope", headers={"X-Request-ID": given})["X-Request-Id"])


def test_all_lines_of_a_request_have_its_id_down_to_the_query(lake, client, monkeypatch):
    said = []

    def probe(*_):
        said.append(structlog.contextvars.get_contextvars()["request_id"])
        raise LakeUnusable("x.parquet is missing")

    lake.flush(post())
    monkeypatch.setattr("lake.storage.duckdb_engine.Engine.cursor", probe)
    answer = client.get("/search?text=unique")
    assert answer.status_code == 503
    assert set(said) == {answer["X-Request-Id"]}


@pytest.mark.parametrize(
    ("status", "name"),
    [(400, "INFO"), (404, "INFO"), (429, "INFO"), (500, "ERROR"), (503, "WARNING"), (200, "WARNING")],
)
def test_what_a_client_did_wrong_is_no_trouble_of_ours(status, name):
    assert logging.getLevelName(level(status)) == name


def test_django_does_not_log_them_again(db, client, caplog):
    answer = client.get("/nowhere")
    assert caplog.text.count("/nowhere") == caplog.text.count(answer["X-Request-Id"]) == 1
