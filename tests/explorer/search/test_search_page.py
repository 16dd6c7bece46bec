"""The search page as a browser without scripts gets it."""

import html
import re
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import pytest
from constance import config
from django.contrib.auth.models import User

from api.access.concurrency import LIMITS, Limit
from lake.errors import QueryTimeout
from lake.search.reader import Reader
from tests.browser.posts import HOSTILE_TEXTS, images, labels
from tests.builders import BOB, NOON_US, delete, post

HTML = {"HTTP_ACCEPT": "text/html,application/xhtml+xml,*/*;q=0.8"}
FRAGMENTS = [
    "results",
    "count",
    "timeline",
    "coverage",
    "download",
    *(f"top/{by}" for by in ("authors", "hashtags", "domains", "languages")),
]


class Tags(HTMLParser):
    """All elements of a page, as (tag, attributes); void and stray ones too."""

    def __init__(self, html):
        super().__init__()
        self.found, self.texts = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.texts.append(data)


@pytest.fixture
def page(client):
    def get(path, status=200):
        response = client.get(path, **HTML)
        assert response.status_code == status, response.content[:2000]
        return response.content.decode()

    return get


@pytest.fixture
def posts(lake):
    lake.flush(
        *(post(f"lake {n}", rkey=f"k{n}", time_us=NOON_US + n * 60_000_000) for n in range(60)),
        post(
            "地震 and a picture",
            did=BOB,
            rkey="ja",
            time_us=NOON_US,
            langs=["ja"],
            embed=images("two ducks"),
            labels=labels("porn"),
        ),
        post("gone sturgeon", rkey="gone", time_us=NOON_US + 5),
        delete("gone", time_us=NOON_US + 6),
    )


def links(html, words):
    return [
        attrs["href"].replace("&amp;", "&")
        for tag, attrs in Tags(html).found
        if tag == "a" and words in attrs.get("href", "")
    ]


def following(html):
    return next(attrs["href"] for _, attrs in Tags(html).found if attrs.get("rel") == "next")


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "application/json, text/plain, */*"])
def test_whoever_asks_for_json_gets_the_links(client, db, accept):
    response = client.get("/", **({"HTTP_ACCEPT": accept} if accept else {}))
    assert response.json()["links"]["search"].endswith("/search?text=")
    assert response["Vary"] == "Accept"


def test_a_browser_gets_the_page_with_hits_marked(posts, page):
    html = page("/?text=picture&lang=ja")
    assert "<mark>picture</mark>" in html
    for part in (
        "Image description:",
        "two ducks",
        "porn",
        "Japanese",
        "image",
        "https://bsky.app/profile/did:plc:bob",
        "/thread?uri=at%3A%2F%2F",
    ):
        assert part in html
    assert 'datetime="2026-07-01T12:00:00.000000Z"' in html
    assert 'rel="noreferrer' in html
    assert "did:plc:bobb…bbbb" in html
    assert f"/?did={BOB}" in html
    assert "of <strong>1</strong> post" in re.sub(r"\s+", " ", html)


def test_pages_follow_each_other_to_the_end_and_back(posts, page):
    first = page("/?text=lake&limit=25")
    second = page(following(first))
    third = page(following(second))
    seen = [re.findall(r"app\.bsky\.feed\.post/(k\d+)<", html) for html in (first, second, third)]
    assert [name for names in seen for name in names] == [f"k{n}" for n in range(59, -1, -1)]
    assert "These are the last ones" in third
    assert "<strong>51–60</strong>" in third
    assert [parse_qs(urlsplit(url).query)["page"] for url in links(third, "page=")] == [["2"]]


def test_empty_fields_and_dates_from_now_become_a_permalink(client, db):
    moved = client.get("/?text=lake&start=&lang=&has=image&clock=", **HTML)
    assert (moved.status_code, moved["Location"]) == (302, "/?text=lake&has=image")
    moved = client.get("/?text=lake&start=2026-07-01&end=2026-07-02&last=24h", **HTML)
    assert re.fullmatch(r"/\?text=lake&start=\d{4}-\d\d-\d\dT\d\d:\d\d:00Z", moved["Location"])


def test_without_scripts_the_counts_are_one_link_away(posts, page):
    plain = page("/?text=lake")
    full = page(next(url for url in links(plain, "with=counts")))
    assert "of <strong>60</strong> posts" in re.sub(r"\s+", " ", full)
    for part in ("60</strong> of 61 posts", "Data from", 'data-hits="1"', "Exclude"):
        assert part in full
    with_download = page(links(plain, "with=download")[0])
    assert "<strong>60</strong> rows" in with_download
    exports = [url for url in links(with_download, "/export?") if "format=" in url]
    assert [parse_qs(urlsplit(url).query)["format"] for url in exports] == [["csv"], ["ndjson"], ["parquet"]]


def test_an_export_link_of_the_page_gives_the_rows_of_the_api(posts, page, client):
    html = page("/?text=lake&limit=5&sort=oldest&with=download")
    body = b"".join(client.get(links(html, "format=ndjson")[0]).streaming_content)
    assert body == b"".join(client.get("/export?text=lake&sort=oldest&format=ndjson").streaming_content)
    assert len(body.splitlines()) == 60


def test_hostile_posts_are_text(lake, page):
    """In the text, the description of an image, and labels; with their marks."""
    for text in HOSTILE_TEXTS.values():
        lake.append(post(text, embed=images(text[:300]), labels=labels(text[:60]), langs=["en", text[:20]]))
    lake.flush()
    plain = Tags(page("/"))
    for tags in (plain, Tags(page("/?text=lake&with=counts&with=download"))):
        must_be_harmless(tags)
        assert [tag for tag, _ in tags.found].count("h1") == 1
    shown = "".join(plain.texts).replace("\r", "")
    assert [text for text in HOSTILE_TEXTS.values() if text not in shown] == []


def must_be_harmless(tags):
    assert [attrs for tag, attrs in tags.found if tag == "script" and "src" not in attrs] == []
    assert [name for _, attrs in tags.found for name in attrs if name.startswith("on")] == []
    assert {"iframe", "object", "style", "embed", "b"} & {tag for tag, _ in tags.found} == set()
    assert ("img", {"src": "x"}) not in tags.found


HOSTILE_QUERIES = (
    *("text=%3Cscript%3Ealert(1)%3C/script%3E", "text=%22%3E%3Cimg%20src%3Dx%3E", "lang=%22onx%3D", "%3Cb%3E=1"),
    *("tag=%3Cimg%20src%3Dx%20onerror%3Da%3E", "text=%FF%FE", "text=a&token=%3Cb%3E", "with=%3Cb%3E&by=%3Cb%3E"),
)


def test_hostile_queries_are_text(posts, client):
    for query in HOSTILE_QUERIES:
        answer = client.get(f"/?{query}&with=download", **HTML)
        assert answer.status_code in (200, 400), query
        must_be_harmless(Tags(answer.content.decode()))


WRONG = {
    "text=lake+AND": (400, "text"),
    "start=yesterday": (400, "is not a date or time"),
    "colour=red": (400, "unknown parameter"),
    "limit=5000": (400, "continue with token"),
    "username=nobody.example": (404, "The handle nobody.example is not known here"),
}
EMPTY = {
    "text=zebra": "No posts were found.",
    "text=sturgeon": "1 post matches and is not shown",
    "text=lake&start=2020-01-01&end=2020-01-02": "There are no data in these dates",
    "text=lake+or+zebra": "to find either side of it write OR",
    "text=lake+house&exact=true": "without “exact phrase”",
}


def test_what_is_wrong_is_said_beside_the_form(posts, page):
    for query, (status, words) in WRONG.items():
        html = page(f"/?{query}", status)
        assert words in html
        assert 'role="alert"' in html
        assert 'name="text"' in html


def test_an_empty_answer_says_why(posts, page):
    for query, words in EMPTY.items():
        assert words in page(f"/?{query}")


def test_an_empty_lake_says_so(lake, page):
    assert "Nothing has been collected yet" in page("/")


def test_a_search_without_a_hit_in_time_goes_on_in_the_page(posts, page, client, monkeypatch):
    def late(*_args, **_named):
        raise QueryTimeout

    monkeypatch.setattr(Reader, "find", late)
    html = page("/?text=lake")
    assert "takes longer than a second" in html
    assert 'hx-get="/fragments/results?text=lake&amp;longer=true"' in html
    assert "reached its time limit" in page("/?text=lake&longer=true", 503)
    monkeypatch.undo()
    assert page("/fragments/results?text=lake&longer=true").count("<article") == 50


def test_what_was_found_in_time_is_shown_with_a_way_on(posts, page, monkeypatch):
    find = Reader.find
    monkeypatch.setattr(Reader, "find", lambda *args: find(*args)._replace(searched_to="2026-07-01T12:10:00.000000Z"))
    html = page("/?text=lake&limit=10")
    assert "The time limit was reached" in html
    assert html.count("<article") == 10
    (way,) = [attrs for tag, attrs in Tags(html).found if attrs.get("hx-get", "").startswith("/fragments/results")]
    assert page(way["hx-get"]).count("<article") == 10
    assert page(way["href"]).count("<article") == 10


def test_a_page_that_reached_its_limit_leads_back_too(posts, page, monkeypatch):
    find = Reader.find
    monkeypatch.setattr(Reader, "find", lambda *args: find(*args)._replace(searched_to="2026-07-01T12:10:00.000000Z"))
    assert [
        attrs["href"] for _, attrs in Tags(page("/?text=lake&limit=10&page=2")).found if attrs.get("rel") == "prev"
    ] == ["/?text=lake&limit=10"]


def test_each_part_arrives_on_the_next_page_too(page, posts):
    following = Tags(page("/?text=lake&limit=25")).found
    (query,) = [urlsplit(attrs["href"]).query for _, attrs in following if attrs.get("rel") == "next"]
    for name in FRAGMENTS:
        page(f"/fragments/{name}?{query}")
    page(f"/?{query}&with=counts")


def test_each_part_has_the_limits_and_errors_of_the_api(posts, page, client):
    for name in FRAGMENTS:
        assert "text/html" in client.get(f"/fragments/{name}?text=lake&page=2&limit=25")["Content-Type"]
        assert name == "coverage" or "text" in page(f"/fragments/{name}?text=lake+AND", 400)
        assert "unknown parameter" in page(f"/fragments/{name}?colour=red", 400)
        assert client.post(f"/fragments/{name}").status_code == 405
    config.anonymous_access = False
    for name in FRAGMENTS:
        assert "Anonymous access is off" in page(f"/fragments/{name}?text=lake", 401)


def test_a_part_that_takes_long_offers_to_be_waited_for(posts, page, monkeypatch):
    def late(*_args, **_named):
        raise QueryTimeout

    monkeypatch.setattr("lake.scan.full_scan.FullScan.grouped", late)
    for name in ("timeline", "top/authors"):
        html = page(f"/fragments/{name}?text=lake")
        assert "takes longer than 5 seconds" in html
        assert "longer=true" in html
        assert "reached its time limit" in page(f"/fragments/{name}?text=lake&longer=true", 503)


def test_an_overloaded_service_says_so_on_the_page(posts, client, monkeypatch):
    monkeypatch.setitem(LIMITS, "search", Limit(0, 0))
    response = client.get("/?text=lake", **HTML)
    assert (response.status_code, response["Retry-After"]) == (503, "10")
    assert "Too many requests are running now" in response.content.decode()


def test_pages_count_as_requests(posts, client):
    config.anonymous_rate = 2
    assert [client.get("/", **HTML).status_code for _ in range(3)] == [200, 200, 429]


def test_without_anonymous_access_the_page_is_for_those_who_signed_in(posts, client, page):
    config.anonymous_access = False
    assert "/admin/login/?next=/" in page("/?text=lake", 401)
    client.force_login(User.objects.create_user("reader"))
    assert client.get("/search").status_code == 401
    client.force_login(User.objects.create_user("ada", is_staff=True))
    assert page("/?text=lake").count("<article") == 50
    assert client.get("/export?format=csv").status_code == 200
    assert client.post("/search", "{}", content_type="application/json").status_code == 401


@pytest.mark.slow
def test_every_link_of_the_page_to_itself_works(posts, page, client):
    html = page("/?text=lake&lang=en&with=counts&with=download")
    urls = {
        url.partition("#")[0]
        for url in links(html, "/")
        if url.startswith("/") and not url.startswith(("/admin", "/thread", "/api"))
    }
    assert len(urls) > 20
    for url in urls - {""}:
        assert client.get(url, **HTML).status_code == 200, url


def test_other_datasets_are_rows(lake, page):
    lake.flush(post("x", rkey="k"), delete("k2"))
    assert "<dt>collection</dt>" in page("/?dataset=deletes")


def test_the_link_to_the_results_keeps_their_moment(lake, page):
    lake.flush(*(post(f"lake {n}", rkey=f"k{n}", time_us=NOON_US + n) for n in range(3)))
    link = html.unescape(re.search(r'class="permalink" href="([^"]*)"', page("/?text=lake"))[1])
    assert link == "/?text=lake&as_of=2026-07-01T12:00:00.000002Z"
    lake.flush(post("lake late", rkey="late", time_us=NOON_US), delete("k1", time_us=NOON_US + 9))
    again = page(link)
    assert "late" not in re.sub("<[^>]*>", "", again.split('<ol class="list"')[1].split("</ol>")[0])
    assert "Up to 1 is missing, deleted since." in again
    assert link in html.unescape(again), "the same link again"
