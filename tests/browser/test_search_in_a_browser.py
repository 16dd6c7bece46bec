"""The search page in a real browser: what a researcher does, and what a hostile post can't do."""

import csv
import io
import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pyarrow.parquet as pq
import pytest

from tests.browser.posts import HOSTILE_TEXTS

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


def asked(tab):
    """Parameters of the address bar."""
    return parse_qs(urlsplit(tab.url).query)


def told(web, path, **query):
    """The API's answer."""
    return json.loads(web.get(f"{path}?{urlencode(query, doseq=True)}")[1])


def shown(tab):
    return tab.locator(".hit .id").all_inner_texts()


def search(here, text):
    here.tab.fill("#text", text)
    here.follow("button.primary:has-text('Search')")


def test_japanese_posts_with_images_that_mention_an_earthquake_of_the_last_day_as_csv(visit, served_lake):
    """Found from the page alone: box, two filters, a button, the download."""
    here = visit()
    tab = here.open("/")
    tab.fill("#text", "地震")
    tab.select_option("#lang", label="Japanese")
    tab.check("text=image >> nth=0")
    here.follow("button:has-text('24 hours')")
    assert (asked(tab)["text"], asked(tab)["lang"], asked(tab)["has"]) == (["地震"], ["ja"], ["image"])
    assert asked(tab)["start"][0].endswith(":00Z")
    marks = set(tab.locator("mark").all_inner_texts())
    assert marks == {"地震"}
    tab.click("text=CSV, NDJSON or Parquet")
    expected = told(served_lake, "/search", total="true", limit=1, **asked(tab))["meta"]["total"]
    assert tab.locator(".download strong").first.inner_text() == str(expected)
    with tab.expect_download() as saved:
        tab.click(".files a:has-text('CSV')")
    rows = list(csv.DictReader(io.StringIO(Path(saved.value.path()).read_bytes().decode(), newline="")))
    assert len(rows) == expected > 0
    assert all("地震" in row["text"] and "ja" in row["langs"] and "image" in row["media"] for row in rows)
    assert saved.value.suggested_filename.startswith("bluesky-posts-20")


@pytest.mark.parametrize("form", ["csv", "ndjson", "parquet"])
def test_a_download_has_the_rows_of_the_api(visit, served_lake, form, tmp_path):
    here = visit()
    tab = here.open("/?text=lake&lang=en&sort=oldest")
    tab.click("text=CSV, NDJSON or Parquet")
    with tab.expect_download() as saved:
        tab.click(f".files a[data-format={form}]")
    saved.value.save_as(tmp_path / "file")
    _, body = served_lake.get(f"/export?text=lake&lang=en&sort=oldest&format={form}")
    mine = (tmp_path / "file").read_bytes()
    if form == "parquet":
        assert pq.read_table(tmp_path / "file").to_pylist() == pq.read_table(io.BytesIO(body)).to_pylist()
    else:
        assert mine == body
    tab.wait_for_selector(".said a:has-text('SHA-256')")
    made = json.loads(served_lake.get(tab.locator(".said a").get_attribute("href"))[1])
    assert (made["state"], made["bytes"]) == ("complete", len(mine))


def test_a_download_can_be_cancelled_and_a_broken_one_is_not_saved(visit):
    here = visit()
    tab = here.open("/?text=lake&with=download")
    tab.route("**/export?*", lambda route: None)  # never answers
    tab.click(".files a[data-format=csv]")
    tab.click(".running .stop")
    assert "nothing was saved" in tab.locator(".said").inner_text()
    tab.unroute("**/export?*")
    tab.route("**/export?*", lambda route: route.abort())
    tab.click(".files a[data-format=csv]")
    tab.wait_for_selector("text=Nothing was saved")
    here.wrong = [text for text in here.wrong if "ERR_FAILED" not in text]


def test_the_lines_to_copy_are_of_this_query(visit):
    tab = visit().open("/?text=lake&lang=en&with=download")
    tab.click("text=The same by curl")
    lines = " ".join(tab.locator("pre").all_inner_texts())
    assert re.search("text=lake&lang=en&as_of=[^&]+&format=csv", lines)
    assert all(word in lines for word in ("curl --fail", "pd.read_parquet(", "read.csv("))
    manifest = tab.locator("text=Manifest").first.get_attribute("href")
    assert manifest.startswith("/export/manifest?text=lake&lang=en&as_of=")


def test_the_page_comes_before_its_counts(visit, served_lake):
    here = visit()
    tab = here.tab
    held, free = [], []
    tab.route("**/fragments/**", lambda route: route.continue_() if free else held.append(route))
    tab.goto("/?text=lake")
    assert tab.locator(".hit").count() == 50
    assert tab.locator(".count").count() == 0
    free.append(True)
    for route in held:
        route.continue_()
    tab.wait_for_selector(".count")
    total = told(served_lake, "/search", text="lake", total="true", limit=1)["meta"]["total"]
    assert tab.locator(".count strong").inner_text() == f"{total:,}"
    here.settle()
    assert tab.locator(".facet table").count() == 4


FILTERS = {
    "lang=pt": lambda tab: tab.select_option("#lang", label="Portuguese"),
    "has=alt": lambda tab: tab.check("input[name=has][value=alt]"),
    "is=reply": lambda tab: tab.check("input[name=is][value=reply]"),
    "username=mika.example": lambda tab: tab.fill("#username", "mika.example"),
    "tag=lakelife": lambda tab: tab.fill("#tag", "#lakelife"),
    "domain=lake.example.edu": lambda tab: tab.fill("#domain", "lake.example.edu"),
    "clock=created": lambda tab: tab.check("input[name=clock][value=created]"),
    "exact=true&text=lake": lambda tab: (tab.fill("#text", "lake"), tab.check("input[name=exact]")),
}


@pytest.mark.parametrize("query", FILTERS)
def test_each_filter_does_what_the_api_does(visit, served_lake, query):
    here = visit()
    tab = here.open("/?text=o" if "text" not in query else "/")
    FILTERS[query](tab)
    here.follow("button:has-text('Apply')")
    wanted = parse_qs(query)
    assert {name: [text.removeprefix("#") for text in asked(tab)[name]] for name in wanted} == wanted
    results = told(served_lake, "/search", **asked(tab))["results"]
    assert [row["id"] for row in results] == shown(tab)
    assert results


def test_dates_are_picked_and_stay_when_the_form_is_sent_again(visit):
    here = visit()
    tab = here.open("/")
    tab.fill("#start", "2026-01-01")
    tab.fill("#end", "2026-01-02")
    with tab.expect_navigation():
        tab.press("#end", "Enter")
    here.settle()
    assert (asked(tab)["start"], asked(tab)["end"]) == (["2026-01-01"], ["2026-01-02"])
    assert "There are no data in these dates" in tab.inner_text(".results")
    here.follow("text=without dates")
    assert tab.locator(".hit").count() == 50


def test_permalink_back_and_forward(visit, chromium):
    here = visit()
    tab = here.open("/")
    search(here, "湖")
    first = tab.url
    search(here, "ferry -river")
    tab.go_back()
    here.settle()
    assert (tab.url, tab.input_value("#text")) == (first, "湖")
    ids = shown(tab)
    other = visit()
    assert shown(other.open(first.removeprefix(other.base))) == ids


def test_paging_reaches_each_post_once(visit, served_lake):
    here = visit()
    tab = here.open("/?text=ferry&limit=5")
    found = shown(tab)
    while tab.locator("a[rel=next]").count():
        here.follow("a[rel=next]")
        found += shown(tab)
    results = told(served_lake, "/search", text="ferry", limit=1000)["results"]
    assert len(found) > 5
    assert found == [row["id"] for row in results]
    here.follow("a[rel=prev]")
    assert len(shown(tab)) == 5
    here.follow("text=oldest first")
    assert shown(tab) == [row["id"] for row in reversed(results)][:5]


def test_brushing_narrows_the_dates(visit, served_lake):
    here = visit()
    tab = here.open("/?text=lake")
    place = tab.locator(".chart .u-over").bounding_box()
    middle = place["y"] + place["height"] / 2
    tab.mouse.move(place["x"] + place["width"] * 0.7, middle)
    tab.mouse.down()
    tab.mouse.move(place["x"] + place["width"] * 0.9, middle, steps=5)
    with tab.expect_navigation():
        tab.mouse.up()
    here.settle()
    start, end = asked(tab)["start"][0], asked(tab)["end"][0]
    assert start < end
    results = told(served_lake, "/search", text="lake", start=start, end=end, limit=50)["results"]
    assert shown(tab) == [row["id"] for row in results]
    assert tab.input_value("#start") == start
    assert tab.locator(".chart-data tbody tr").count() >= 2


def test_facets_include_and_exclude(visit):
    here = visit()
    tab = here.open("/?text=lago")
    before = tab.locator(".count strong").inner_text()
    here.follow(".facet:has(#top-languages) a:has-text('Spanish')")
    assert asked(tab)["lang"] == ["es"]
    assert set(tab.locator(".hit .badge:not(.kind):not(.media):not(.warn)").all_inner_texts()) == {"Spanish"}
    here.follow(".chip a")
    assert tab.locator(".count strong").inner_text() == before
    name = tab.locator(".facet:has(#top-authors) td a:not(.out)").first.inner_text()
    here.follow(".facet:has(#top-authors) .out >> nth=0")
    assert asked(tab)["did"][0].startswith("-did:")
    assert name not in tab.locator(".hit .who").all_inner_texts()


def test_gaps_are_visible(visit):
    tab = visit().open("/?text=lake")
    assert tab.locator(".coverage .gap").count() >= 1
    tab.click("text=The gaps")
    assert "no connection to a host is recorded" in tab.inner_text(".coverage")


def test_a_slow_search_goes_on_in_the_page_and_can_be_cancelled(visit):
    """The server says so in two seconds; here its answer is that of a real slow search."""
    here = visit()
    tab = here.tab
    slow = (
        '<div class="notice" hx-get="/fragments/results?text=lake&amp;longer=true" hx-trigger="load" '
        'hx-swap="outerHTML"><progress aria-label="Searching"></progress>'
        '<button type="button" class="cancel" hidden>Cancel</button></div>'
    )

    def waits(route):
        body = route.fetch().text()
        start = body.index('<div class="results">')
        route.fulfill(
            status=200, content_type="text/html", body=body[:start] + slow + body[body.index("</section>", start) :]
        )

    tab.route(lambda url: urlsplit(url).path == "/", waits)
    tab.route("**/fragments/results?*", lambda route: None)  # never answers
    tab.goto("/?text=lake")
    tab.click("button.cancel:visible")
    tab.wait_for_selector("text=Cancelled.")
    tab.unroute("**/fragments/results?*")
    tab.goto("/?text=lake")
    tab.wait_for_selector(".hit")
    assert tab.locator(".hit").count() == 50
    here.wrong = [text for text in here.wrong if not text.startswith("htmx:")]  # it says that it was aborted


def test_where_counting_takes_long_the_rest_is_counted_on_demand(visit):
    here = visit()
    tab = here.tab
    longer = (
        '<span class="count">of more than <strong>50</strong> posts (<a hx-get="/fragments/count">count all</a>)</span>'
    )
    tab.route("**/fragments/count?*", lambda route: route.fulfill(body=longer, content_type="text/html"))
    here.open("/?text=lake")
    assert tab.locator(".coverage").count() == 1
    assert tab.locator("figure.timeline, .facet table").count() == 0
    tab.click("a:has-text('Count authors')")
    tab.wait_for_selector(".facet:has(#top-authors) table")
    tab.click("a:has-text('Posts over time')")
    tab.wait_for_selector(".timeline .u-over")
    assert tab.locator(".facet table").count() == 1


@pytest.mark.parametrize("path", ["/?text=lake+AND", "/?username=nobody.example", "/?start=x"])
def test_errors_are_beside_the_form(visit, path):
    here = visit()
    tab = here.open(path)
    assert tab.locator("[role=alert]").is_visible()
    assert tab.locator("#text").is_visible()
    here.wrong = [text for text in here.wrong if "status of 40" not in text]


@pytest.mark.parametrize("name", HOSTILE_TEXTS)
def test_a_hostile_post_breaks_and_runs_nothing(visit, name):
    here = visit(viewport={"width": 390, "height": 844})
    tab = here.open("/?username=hostile.example&text=lake")
    assert tab.evaluate("window.broken") is None
    texts = tab.locator(".hit .text").all_inner_texts()
    assert any(HOSTILE_TEXTS[name].split("\n")[0].strip() in text.replace("\r", "") for text in texts)
    assert tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert tab.locator("h1").count() == 1
    assert tab.locator(".links a").count() == 0  # javascript: is no link
    for box in (tab.locator(".hit").nth(at).bounding_box() for at in range(tab.locator(".hit").count())):
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390


def test_without_scripts_all_is_there(visit, served_lake):
    here = visit(java_script_enabled=False)
    tab = here.open("/")
    search(here, "lake")
    assert tab.locator(".hit").count() == 50
    here.follow("a:has-text('how many?')")
    assert (
        tab.locator(".count strong").inner_text()
        == f"{told(served_lake, '/search', text='lake', total='true')['meta']['total']:,}"
    )
    assert tab.locator(".facet table").count() == 4
    tab.click(".timeline summary")
    assert tab.locator(".chart-data tr").count() > 20
    here.follow("text=CSV, NDJSON or Parquet")
    with tab.expect_download() as saved:
        tab.click(".files a:has-text('CSV')")
    assert saved.value.suggested_filename.endswith(".csv")


def test_local_time_on_hover(visit):
    tab = visit(timezone_id="Asia/Tokyo", locale="en-GB").open("/?text=lake&limit=1")
    time = tab.locator(".hit time").last
    assert "GMT+9" in time.get_attribute("title") or "Japan" in time.get_attribute("title")


def test_by_keyboard_alone(visit):
    here = visit()
    tab = here.open("/")
    assert tab.evaluate("document.activeElement.id") == "text"
    tab.keyboard.type("湖")
    with tab.expect_navigation():
        tab.keyboard.press("Enter")
    here.settle()
    assert asked(tab)["text"] == ["湖"]
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to content"
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.id") == "main"
