"""Every answer tells browsers what they may do with it."""

import re

import pytest

from tests.explorer.test_admin import MODELS as TABLES
from tests.explorer.test_admin import rows, url  # noqa: F401 - a fixture
from tests.test_architecture import MODULES

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
DATA = "default-src 'none'; frame-ancestors 'none'"


@pytest.mark.parametrize("path", ["/", "/api/guide", "/api/schema", "/nope", "/health/live", "/search?limit=x"])
def test_data_load_nothing(client, db, path):
    response = client.get(path)
    assert ALWAYS.items() <= dict(response.headers).items()
    assert response["Content-Security-Policy"] == DATA


@pytest.mark.parametrize("path", ["/admin/login/", "/admin/nope", "/admin/", "/api/docs"])
def test_pages_load_only_what_is_ours(client, db, path):
    response = client.get(path)
    assert ALWAYS.items() <= dict(response.headers).items()
    policy = response["Content-Security-Policy"]
    assert policy.startswith("default-src 'self';")
    assert "frame-ancestors 'none'" in policy
    assert not re.search(r"script-src|https?:|\*|unsafe-eval", policy)


def test_no_page_of_the_admin_has_a_script_or_a_style_that_its_policy_forbids(admin_client, rows):  # noqa: F811
    pages = [url(model) for model in TABLES] + ["/admin/", "/admin/constance/config/", "/admin/auth/user/1/change/"]
    pages += ["/admin/lake/datafile/days/", "/admin/lake/request/add/?kind=verify_files", "/admin/admin/logentry/"]
    for page in pages:
        answer = admin_client.get(page)
        html = answer.content.decode()
        assert re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*application/json)[^>]*>|\son\w+=\"|javascript:", html) == []
        assert re.findall(r"<style|\sstyle=", html) == []
        assert "unsafe-inline" not in answer["Content-Security-Policy"]


def test_the_cookie_of_the_admin_is_not_for_scripts_and_not_for_other_sites(client, django_user_model, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real one is slow on purpose
    django_user_model.objects.create_superuser("ada", "ada@example.org", "a long password")
    answer = client.post("/admin/login/", {"username": "ada", "password": "a long password"})
    session = answer.cookies["sessionid"]
    assert (session["httponly"], session["samesite"]) == (True, "Lax")


def test_each_exception_from_the_rules_of_security_has_its_reason():
    """ruff's rules S. Those of whole folders and their reasons are in pyproject.toml."""
    said = [re.findall(r"# noqa: (S\d+.*)", path.read_text()) for path in MODULES]
    assert [line for lines in said for line in lines if not re.fullmatch(r"S\d+ - \w.+", line)] == []
    assert any(said)
