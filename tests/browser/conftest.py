"""A browser, and the real web server over a lake of made-up posts."""

import os

import pytest

from process.instants import now_us
from tests.api.web import served
from tests.browser.lakes import build
from tests.browser.posts import HOSTILE, NAMES, events

CHROMIUM = next(
    filter(os.path.exists, ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")), ""
)
MISSING = "needs a browser: apt-get install chromium, and pip install -r requirements-dev.txt"


@pytest.fixture(scope="session")
def served_lake(tmp_path_factory, redis_server, django_db_setup, django_db_blocker):
    folder = tmp_path_factory.mktemp("pages")
    with django_db_blocker.unblock():
        build(folder, redis_server.url, list(events(now_us())), {**NAMES, HOSTILE: "hostile.example"})
    with served(folder) as web:
        yield web


@pytest.fixture(scope="session")
def chromium():
    sync_api = pytest.importorskip("playwright.sync_api", reason=MISSING)
    if not CHROMIUM:
        pytest.skip(MISSING)
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
