"""Each page: axe finds nothing, light and dark, wide and narrow, nothing wider than the screen."""

import pytest

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

PAGES = ["/", "/?text=lake", "/?text=lake&with=counts&with=download", "/?text=zebra", "/?start=x", "/status"]
SIZES = {"wide": {"width": 1400, "height": 900}, "narrow": {"width": 360, "height": 780}}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("path", PAGES)
def test_axe_finds_nothing(visit, path, size, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs pip install axe-playwright-python")
    here = visit(viewport=SIZES[size], color_scheme=scheme, bypass_csp=True)
    tab = here.open(path)
    tab.evaluate("document.querySelectorAll('details').forEach(one => { one.open = true; })")
    here.settle()
    found = axe.Axe().run(tab).response["violations"]
    assert [(one["id"], [node["html"][:200] for node in one["nodes"]][:3]) for one in found] == []
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    here.wrong = [text for text in here.wrong if "status of 400" not in text]


def test_the_status_page_refreshes_itself(visit):
    here = visit()
    tab = here.tab
    tab.clock.install()
    here.open("/status")
    before = tab.locator("#now time").first.get_attribute("datetime")
    with tab.expect_response("**/fragments/status/now"):
        tab.clock.run_for(11_000)
    tab.wait_for_function("before => document.querySelector('#now time').dateTime !== before", arg=before)
    assert tab.locator("#now .badge").count() > 5
