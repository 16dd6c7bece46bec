"""docs/exports.md does what it says."""

import json
import re
import shutil
import subprocess

import pytest

from deploy.local.child import ROOT
from lake.export.columns import column_names
from tests.api.test_gunicorn import POSTS, folder, oldest_hidden_away, server  # noqa: F401 - fixtures
from tests.api.web import until

pytestmark = [
    pytest.mark.django_db,  # of the fixtures
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed"),
]
PAGE = (ROOT / "docs" / "exports.md").read_text()


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def sh(text, folder):  # noqa: F811
    return subprocess.run(
        ["sh", "-ec", text], cwd=folder, check=True, capture_output=True, text=True, timeout=60
    ).stdout


@pytest.fixture
def here(server, tmp_path):  # noqa: F811
    """The page's lines for this server. All of its posts say lake: so that they are found, a line may ask for that."""

    def ready(text, as_it_is=False):
        text = text.replace("http://localhost:8000", f"http://127.0.0.1:{server.port}")
        text = text.replace("curl ", "curl --silent --show-error ")
        return text if as_it_is else text.replace('"lake house" OR lakehouse', "lake")

    return ready


def test_curl_gets_a_file_that_the_manifest_proves_and_pandas_reads(here, tmp_path):
    first, get, check, rest, _ = blocks("sh")
    sh(here(get), tmp_path)
    assert sh(here(check), tmp_path) == "complete\n"
    found = {}
    exec(blocks("python")[0].replace('"posts.csv"', repr(str(tmp_path / "posts.csv"))), found)
    posts = found["posts"]
    assert len(posts) == POSTS == json.loads((tmp_path / "posts.csv.manifest.json").read_text())["rows"]
    assert posts["matched"][0] == ["lake"]
    assert posts["seen_at"].is_monotonic_decreasing
    sh(here(first, as_it_is=True), tmp_path)  # curl refuses a URL with blanks
    (named,) = tmp_path.glob("bluesky-posts-*.csv")
    assert named.read_text().startswith("id,did,username,")
    (tmp_path / "posts.csv").unlink()
    sh(here(rest), tmp_path)  # of nothing: the whole
    assert len((tmp_path / "posts.csv").read_text()) > len(named.read_text()) / 2


def test_a_file_of_the_page_in_parquet(here, tmp_path):
    sh(here("curl --fail 'http://localhost:8000/export?format=parquet&limit=5' --output posts.parquet"), tmp_path)
    found = {"pandas": __import__("pandas")}
    exec(blocks("python")[1].replace('"posts.parquet"', repr(str(tmp_path / "posts.parquet"))), found)
    assert list(found["posts"].columns) == column_names("posts")


def test_a_broken_file_is_exit_code_18(server, oldest_hidden_away, tmp_path):  # noqa: F811
    file, url = tmp_path / "x", f"http://127.0.0.1:{server.port}/export"
    curl = subprocess.Popen(
        ["curl", "--fail", "--silent", "--show-error", "--limit-rate", "20M", "--output", file, url],
        stderr=subprocess.PIPE,
        text=True,
    )
    until(lambda: file.exists() and file.stat().st_size, "the first bytes")
    oldest_hidden_away()
    _, said = curl.communicate(timeout=60)
    assert curl.returncode == 18
    assert "transfer closed with outstanding read data remaining" in said
