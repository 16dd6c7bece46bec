"""The methods section of a file says what its manifest says."""

import json

import pytest

from lake.delivery.methods import methods_section
from lake.models import Export
from tests.api.views.test_exports import body_of
from tests.builders import NOON_US, delete, post

MINUTE_US = 60_000_000


@pytest.fixture
def manifest(lake, client):
    lake.flush(*(post(f"lake {n}", rkey=f"k{n}", time_us=NOON_US + n * MINUTE_US) for n in (0, 1, 4)))
    lake.flush(delete("k1", time_us=NOON_US + 5 * MINUTE_US))
    response = client.get("/export?text=lake+-house&start=2026-07-01&lang=en&lang=pt&sort=oldest")
    body_of(response)
    return client.get(f"/export/manifest/{response['X-Export-Id']}").json()


def words(manifest):
    return " ".join(methods_section(manifest).split())


def test_it_says_what_was_asked_and_found(manifest):
    told = words(manifest)
    for fact in (
        "lake -house",
        "2 rows from 2026-07-01T12:00:00.000000Z to 2026-07-01T12:04:00.000000Z",
        "lang en, pt",
        "data of 4 of 6 minutes (66.67%)",
        "2026-07-01T12:02:00Z to 2026-07-01T12:04:00Z (2 minutes)",
        f"as of {manifest['window']['seen_until']}",
        "(1 rows that match)",
        manifest["sha256"],
        f"export {manifest['id']}",
    ):
        assert fact in told


def test_lines_are_short_and_paragraphs_begin_with_their_subject(manifest):
    text = methods_section(manifest)
    assert max(map(len, text.splitlines())) <= 100
    begun = [paragraph.partition(". ")[0] for paragraph in text.split("\n\n")]
    assert begun == ["Data", "Question", "Result", "Coverage", "Deletions", "Verification", "How to cite"]


def test_what_is_wrong_with_the_file_is_said(manifest):
    told = words(manifest | {"state": "broken", "error": "the client has gone", "sha256": None, "first_row": None})
    assert "THE FILE IS NOT COMPLETE: the client has gone." in told
    cut = words(manifest | {"truncated": True, "row_limit": 2, "rows_hidden": None})
    assert "More rows match than the limit of 2" in cut
    assert "how many rows match was not counted" in cut
    assert "Since then up to 3 rows" in words(manifest | {"removed_since": 3})


def test_it_comes_as_text_over_http(manifest, client):
    response = client.get(f"/export/manifest/{manifest['id']}?format=text")
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert response.content.decode() == methods_section(manifest)
    assert client.get(f"/export/manifest/{manifest['id']}?format=latex").status_code == 400


def test_every_export_has_one(lake, client):
    """Of an empty lake, too, and while it runs."""
    response = client.get("/export?dataset=likes&sample=5&seed=a")
    running = client.get(f"/export/manifest/{response['X-Export-Id']}?format=text")
    assert "still running" in " ".join(running.content.decode().split())
    body_of(response)
    made = client.get(f"/export/manifest/{Export.objects.get().pk}?format=text").content.decode()
    assert "no data of this window" in " ".join(made.split())
    assert "seed 'a'" in " ".join(made.split())
    assert json.loads(client.get(f"/export/manifest/{Export.objects.get().pk}").content)["rows"] == 0
