"""The pages around a post in a browser: posts run nothing, nothing comes from elsewhere, axe finds nothing."""

import json
import urllib.request
from urllib.parse import quote

import pytest

from tests.browser.posts import HOSTILE, PEOPLE, ROOT

pytestmark = [pytest.mark.django_db, pytest.mark.slow]
PAGES = [
    "/thread",
    f"/thread?uri={quote(ROOT['uri'])}",
    "/thread?uri={hostile}",
    "/interactions?uri={hostile}",
    f"/author?username={HOSTILE}",
    f"/author?username={PEOPLE[1]}",
    "/author?username=nobody.example",
]


@pytest.fixture(scope="module", autouse=True)
def database_beside_a_browser():
    """Django takes the loop of playwright's thread for one of its own, and would refuse the database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        yield


@pytest.fixture(scope="module")
def here(served_lake):
    return f"http://127.0.0.1:{served_lake.port}"


@pytest.fixture(params=[("light", 1200), ("dark", 360)], ids=["light", "dark-narrow"])
def page(here, chromium, request):
    scheme, width = request.param
    context = chromium.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
    yield context.new_page()
    context.close()


def test_hostile_posts_break_and_run_nothing(page, here):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    with urllib.request.urlopen(f"{here}/search?limit=1&did={HOSTILE}") as response:
        (hit,) = json.load(response)["results"]
    asked, told = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: told.append(message.text) if message.type == "error" else None)
    for path in PAGES:
        page.goto(here + path.format(hostile=quote(hit["id"])), wait_until="networkidle")
        assert page.evaluate("window.broken") is None
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.locator("main > h1").count() == 1
        assert axe.run(page).response["violations"] == [], path
    assert [url for url in asked if not url.startswith(here)] == []
    assert [text for text in told if "404" not in text] == []


def test_a_hit_leads_to_its_thread_its_likes_and_its_author(page, here):
    page.goto(f"{here}/?text=ferry")
    for name, heading in (("thread", "Thread"), ("likes and reposts", "Likes and reposts"), ("author", "@")):
        page.get_by_role("link", name=name, exact=True).first.click()
        assert heading in page.locator("h1").inner_text()
        page.go_back()
