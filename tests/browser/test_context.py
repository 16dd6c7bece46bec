"""The pages around a post in a browser: posts run nothing, nothing comes from elsewhere, axe finds nothing."""

import json
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


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 360)])
def test_hostile_posts_break_and_run_nothing(visit, served_lake, scheme, width):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs pip install axe-playwright-python")
    (hit,) = json.loads(served_lake.get(f"/search?limit=1&did={HOSTILE}")[1])["results"]
    here = visit(color_scheme=scheme, viewport={"width": width, "height": 900}, bypass_csp=True)
    for path in PAGES:
        tab = here.open(path.format(hostile=quote(hit["id"])))
        assert tab.evaluate("window.broken") is None
        assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert tab.locator("main > h1").count() == 1
        assert axe.Axe().run(tab).response["violations"] == [], path
    here.wrong = [text for text in here.wrong if "status of 404" not in text]


def test_a_hit_leads_to_its_thread_its_likes_and_its_author(visit):
    here = visit()
    tab = here.open("/?text=ferry")
    for name, heading in (("thread", "Thread"), ("likes and reposts", "Likes and reposts"), ("author", "@")):
        tab.get_by_role("link", name=name, exact=True).first.click()
        assert heading in tab.locator("h1").inner_text()
        tab.go_back()
