"""What holds for every page: nothing of another host, nothing inline, small, not for robots."""

import gzip
import hashlib
import json
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders

from explorer.headers import PAGE
from tests.builders import post
from tests.explorer.search.test_search_page import HTML, Tags
from tests.test_architecture import ROOT

VENDOR = ROOT / "explorer" / "static" / "explorer" / "vendor"
PAGES = ["/", "/?text=lake&with=counts&with=download", "/status", "/?start=x"]
MOST_BYTES = 150_000
VENDORED = json.loads((VENDOR / "versions.json").read_text())


@pytest.fixture
def pages(lake, client):
    lake.flush(*(post(f"lake {n} with a text of some length, so that a page has a weight #tag{n}") for n in range(60)))
    return {path: client.get(path, **HTML) for path in PAGES}


def loaded(tags):
    return [attrs.get("src") or attrs["href"] for tag, attrs in tags if tag in ("script", "img", "link")]


def test_the_policy_allows_nothing_inline_and_no_other_host():
    assert not re.search(r"unsafe|https?:|\*|data:", PAGE)
    assert PAGE.startswith("default-src 'none';")


def test_pages_are_small_whole_and_load_only_our_files(pages):
    for path, response in pages.items():
        assert response["Content-Security-Policy"] == PAGE
        assert not response.cookies
        tags = Tags(response.content.decode()).found
        assert [attrs for tag, attrs in tags if tag == "style" or (tag == "script" and "src" not in attrs)] == []
        assert [attrs for _, attrs in tags if "style" in attrs or any(name.startswith("on") for name in attrs)] == []
        urls = loaded(tags)
        assert urls
        assert all(url.startswith("/static/") for url in urls)
        files = (Path(finders.find(url.removeprefix("/static/"))) for url in set(urls))
        bodies = [response.content, *(file.read_bytes() for file in files)]
        assert sum(len(gzip.compress(body)) for body in bodies) < MOST_BYTES, path
        ids = [attrs["id"] for _, attrs in tags if "id" in attrs]
        assert len(ids) == len(set(ids))
        wanted = [attrs[name] for _, attrs in tags for name in ("for", "aria-labelledby") if name in attrs]
        assert set(wanted) <= set(ids)


def test_robots_stay_away(db, client):
    assert client.get("/robots.txt").content == b"User-agent: *\nDisallow: /\n"
    assert all(
        client.get(path)["X-Robots-Tag"] == "noindex, nofollow" for path in ("/", "/search", "/api/guide", "/nope")
    )


@pytest.mark.parametrize("package", VENDORED, ids=lambda package: package["package"])
def test_vendored_files_are_those_of_the_release(package):
    """Their integrity is npm's, of the archive that they come from."""
    assert (VENDOR / package["licence_file"]).stat().st_size > 300
    assert package["integrity"].startswith("sha512-")
    for name, file in package["files"].items():
        assert hashlib.sha256((VENDOR / name).read_bytes()).hexdigest() == file["sha256"]
    page = (ROOT / "docs" / "decisions" / "0030-the-page.md").read_text()
    assert f"{package['package']} {package['version']}" in page


def test_nothing_is_vendored_unnamed():
    named = {name for package in VENDORED for name in (*package["files"], package["licence_file"])}
    assert {path.name for path in VENDOR.iterdir()} == {*named, "versions.json"}
