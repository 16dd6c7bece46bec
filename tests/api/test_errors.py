"""Every error in one shape, also while developing."""

import pytest

from tests.api.test_views import must_be_error

pytestmark = pytest.mark.django_db


@pytest.fixture(params=[False, True], ids=["production", "debug"], autouse=True)
def debug(request, settings):
    settings.DEBUG = request.param


@pytest.fixture
def quiet_client(client):
    client.raise_request_exception = False
    return client


@pytest.mark.parametrize(
    "path", ["/nope", "/search/", "/api/v1/", "/api/v1/nope", "/export/nope", "/favicon.ico", "/%FF"]
)
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_there_is_nothing_at_other_paths(client, path, method):
    must_be_error(getattr(client, method)(path), 404, "not_found")


@pytest.mark.parametrize("path", ["/search", "/api/v1/export", "/", "/health/live", "/health/ready", "/api/docs"])
@pytest.mark.parametrize("method", ["post", "put", "patch", "delete", "options", "trace"])
def test_only_get_and_head_are_known(path, method):
    from django.test import Client

    response = getattr(Client(enforce_csrf_checks=True), method)(path)
    must_be_error(response, 405, "method_not_allowed")
    assert response["Allow"] == "GET, HEAD"


def test_an_unexpected_error_is_logged_and_tells_nothing(quiet_client, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("secret")

    monkeypatch.setattr("api.views.reader", fail)
    for path in ("/search", "/export"):
        response = quiet_client.get(path)
        error = must_be_error(response, 500, "internal_error")
        assert "secret" not in response.content.decode()
        assert error["request_id"] in caplog.text
        assert "secret" in caplog.text


def test_an_error_of_a_plain_django_view_has_the_shape_too(quiet_client, monkeypatch):
    from django.urls import path

    import explorer.urls

    def broken(_request):
        raise RuntimeError("secret")

    monkeypatch.setattr(explorer.urls, "urlpatterns", [path("broken", broken)])
    from django.urls import clear_url_caches

    clear_url_caches()
    try:
        response = quiet_client.get("/broken")
    finally:
        monkeypatch.undo()
        clear_url_caches()
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
