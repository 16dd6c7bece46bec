"""`manage.py check --deploy` is silent for make run and behind TLS, and says what is wrong where something is."""

import os
import subprocess
import sys

import pytest

from deploy.local import environment
from deploy.local.child import ROOT

PUBLIC = {"DJANGO_ALLOWED_HOSTS": "explorer.example.org"}
TLS = {**PUBLIC, "CSRF_TRUSTED_ORIGINS": "https://explorer.example.org"}
CLOSED = {
    **TLS,
    "ADMIN_ADDRESSES": "192.0.2.7,10.0.0.0/8",
    "METRICS_TOKEN": "0123456789abcdef",
    "REDIS_URL": "redis://:password@redis:6379/0",
    "CORS_ORIGINS": "https://frontend.example.org",
}
PROBE = """
import django; django.setup()
from django.test import Client
client = Client()
for place in ("/nope", "/health/live", "/admin/login/"):
    for proxied in ("", "https", "http"):
        response = client.get(place, headers={"Host": HOST, **({"X-Forwarded-Proto": proxied} if proxied else {})})
        secure = all(morsel["secure"] for morsel in response.cookies.values())
        print(place, proxied or "-", response.status_code, response.get("Strict-Transport-Security", "-"), secure)
"""


@pytest.fixture
def run(tmp_path):
    """A call that runs Python in this folder with the environment of make run, and more."""

    def run(*arguments, **more):
        own = {
            **environment.run({}, tmp_path),
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": "explorer.settings",
        }
        return subprocess.run(
            [sys.executable, *arguments], cwd=ROOT, env=own | more, capture_output=True, text=True, timeout=60
        )

    return run


def check(run, **more):
    done = run("manage.py", "check", "--deploy", "--fail-level", "WARNING", **more)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("more", [{}, TLS, CLOSED], ids=["make run", "behind TLS", "with all that closes doors"])
def test_it_is_silent(run, more):
    code, said = check(run, **more)
    assert code == 0, said
    assert "no issues" in said


@pytest.mark.parametrize(
    ("more", "ids"),
    [
        (PUBLIC, ["security.W004", "security.W008", "security.W012", "security.W016"]),
        pytest.param({"DJANGO_DEBUG": "true"}, ["security.W018"], marks=pytest.mark.slow),
        ({"DJANGO_SECRET_KEY": "short"}, ["security.W009"]),
        pytest.param({**TLS, "DJANGO_SECRET_KEY": "short"}, ["security.W009"], marks=pytest.mark.slow),
    ],
    ids=["others without TLS", "debug", "a weak key", "a weak key behind TLS"],
)
def test_it_says_what_is_wrong(run, more, ids):
    code, said = check(run, **more)
    assert code == 1
    assert all(f"({id_})" in said for id_ in ids), said


def probe(run, host, **more):
    done = run("-c", f"HOST = {host!r}{PROBE}", **more)
    assert done.returncode == 0, done.stderr
    return [line.split() for line in done.stdout.splitlines()]


def test_plain_http_on_this_machine_goes_on_working(run):
    for place, _, status, hsts, _ in probe(run, "localhost"):
        assert (status, hsts) == ("404" if place == "/nope" else "200", "-")


def test_behind_tls_plain_http_is_redirected_but_for_what_is_asked_from_beside_the_proxy(run):
    for place, proxied, status, hsts, secure in probe(run, "explorer.example.org", **TLS):
        if proxied == "https":
            assert (status, hsts) == ("404" if place == "/nope" else "200", "max-age=31536000")
            assert secure == "True"
        else:
            assert status == ("200" if place == "/health/live" else "301")
