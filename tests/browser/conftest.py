"""A browser, and the real web server over a lake of made-up posts."""

import os

import pytest

from process.instants import now_us
from tests.api.lakes import build
from tests.api.web import served
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


@pytest.fixture(scope="module")  # ended before tests of other modules: its loop runs in the thread of the tests
def chromium():
    sync_api = pytest.importorskip("playwright.sync_api", reason=MISSING)
    if not CHROMIUM:
        pytest.skip(MISSING)
    with sync_api.sync_playwright() as playwright:
        # Django takes the loop of playwright's thread for one of its own, and would refuse the database.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


class Visit:
    """A tab. Whatever goes wrong in it fails the test at its end."""

    def __init__(self, browser, base, **options):
        self.base, self.wrong, self.asked = base, [], []
        self.context = browser.new_context(base_url=base, accept_downloads=True, **options)
        self.tab = self.context.new_page()
        self.tab.set_default_timeout(30_000)
        self.tab.on("console", lambda said: said.type == "error" and self.wrong.append(said.text))
        self.tab.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.tab.on("request", lambda request: self.asked.append(request.url))

    def open(self, path):
        """With all of its late parts."""
        self.tab.goto(path)
        return self.settle()

    def follow(self, selector):
        """Clicks what leads to another page."""
        with self.tab.expect_navigation():
            self.tab.click(selector)
        return self.settle()

    def settle(self):
        self.tab.wait_for_load_state("networkidle")
        return self.tab

    def end(self):
        self.context.close()
        assert [url for url in self.asked if not url.startswith((self.base, "blob:"))] == []
        assert self.wrong == []


@pytest.fixture
def visit(chromium, served_lake):
    made = []

    def new(**options):
        made.append(Visit(chromium, f"http://127.0.0.1:{served_lake.port}", **options))
        return made[-1]

    yield new
    for one in made:
        one.end()
