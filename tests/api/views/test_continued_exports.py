"""Downloads that broke off and go on: the file is as if nothing had happened, or comes anew."""

import io
import json
from hashlib import sha256

import pyarrow.parquet as pq
import pytest
from django.db import DatabaseError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.access.concurrency import LIMITS
from api.answers import usernames
from api.params.byte_range import first_byte, named
from ingest.handles.store import Claim, Store
from lake.delivery import download, record
from lake.export import formats
from lake.export import rows as export_rows
from lake.models import Export
from lake.scan import paged_scan
from tests.api.views.test_exports import body_of, manifest, must_be_error, small  # noqa: F401 - a fixture
from tests.builders import ALICE, NOON_US, delete, post

QUESTION = "/export?text=n"


@pytest.fixture(autouse=True)
def tiny(small, monkeypatch):  # noqa: F811
    """Blocks, pieces and row groups of a small file."""
    monkeypatch.setattr(download, "BLOCK_BYTES", 700)
    monkeypatch.setattr(formats, "CHUNK_BYTES", 100)
    monkeypatch.setattr(formats, "GROUP_ROWS", 3)
    monkeypatch.setattr(paged_scan, "FIRST_ROWS", 5)
    monkeypatch.setattr(export_rows, "MOST_ROWS", 5)


@pytest.fixture
def posts(lake):
    lake.flush(*(post(f"n{n} " + "x" * n, rkey=f"k{n:02}", time_us=NOON_US + n) for n in range(20)))
    return lake


def broken(client, question, size):
    """A download that broke off: its answer, and so many first bytes."""
    response, got = client.get(question), b""
    for piece in response.streaming_content:
        got += piece
        if len(got) >= size:
            break
    response.close()
    assert len(got) >= size
    return response, got[:size]


def streamed(response):
    try:
        return b"".join(response.streaming_content)
    finally:
        response.close()


def take(response, got):
    """Adds what comes, also before it breaks off."""
    for piece in response.streaming_content:
        got += piece


def go_on(client, question, size, etag=""):
    return client.get(question, HTTP_RANGE=f"bytes={size}-", **({"HTTP_IF_RANGE": etag} if etag else {}))


OTHERS = ("csv&excel=true", "ndjson", "csv&sample=9&seed=1")
FORMS = ["csv", "parquet", "csv&limit=15", *(pytest.param(form, marks=pytest.mark.slow) for form in OTHERS)]
EACH_WAY = [(True, (1, 700)), pytest.param(False, (333, 1000), marks=pytest.mark.slow)]
ALL = [pytest.param(names_it, (1, 333, 700, 1000), marks=pytest.mark.slow) for names_it in (True, False)]


@pytest.mark.parametrize(("names_it", "sizes"), [*EACH_WAY, *ALL])
@pytest.mark.parametrize("form", FORMS)
def test_both_parts_are_the_file(posts, client, form, names_it, sizes):
    question = f"{QUESTION}&format={form}"
    for round_, size in enumerate(sizes):
        first, got = broken(client, question, size)
        posts.flush(post("n later", rkey=f"later{round_}", time_us=NOON_US + 1000 + round_))
        response = go_on(client, question, len(got), first["ETag"] if names_it else "")
        assert response.status_code == 206
        body = got + streamed(response)
        assert response["ETag"] == first["ETag"]
        assert response["Content-Range"] == f"bytes {len(got)}-{len(body) - 1}/{len(body)}"
        assert int(response["Content-Length"]) == len(body) - len(got)
        found = manifest(client, response)
        assert (found["state"], found["bytes"], found["sha256"]) == ("complete", len(body), sha256(body).hexdigest())
        assert found["continues"] == first["X-Export-Id"]
        assert found["rows"] == (pq.read_table(io.BytesIO(body)).num_rows if form == "parquet" else found["rows"])
        assert b"n later" not in body or round_ > 0
    assert LIMITS["export"].free == LIMITS["export"].at_once


def test_it_can_break_off_again_and_again(posts, client):
    question = f"{QUESTION}&fields=seen_at,text"
    whole = body_of(client.get(question))
    first, got = broken(client, question, 100)
    while len(got) < len(whole):
        response = go_on(client, question, len(got), first["ETag"])
        assert (response.status_code, response["ETag"]) == (206, first["ETag"])
        got += next(iter(response.streaming_content))
        response.close()
    assert got == whole
    must_be_error(go_on(client, question, len(got), first["ETag"]), 416, "past_the_end")


@pytest.mark.parametrize("names_it", [True, False])
def test_a_deletion_in_what_the_client_has_sends_the_whole_anew(posts, client, names_it):
    first, got = broken(client, QUESTION, 900)
    posts.flush(delete("k19", time_us=NOON_US + 99))  # the first row of it
    response = go_on(client, QUESTION, len(got), first["ETag"] if names_it else "")
    assert response.status_code == 200
    assert response["ETag"] != first["ETag"]
    body = body_of(response)
    assert (b"n19" in got, b"n19" in body, body.count(b"\r\n")) == (True, False, 20)


def test_a_handle_that_was_learned_meanwhile_changes_nothing(posts, client, tmp_path, settings):
    settings.HANDLES_PATH = tmp_path / "handles.sqlite3"
    store = Store(settings.HANDLES_PATH, 1).create()
    usernames.handle_lookup.cache_clear()
    first, got = broken(client, QUESTION, 900)
    with store.transaction():
        store.claim([Claim(ALICE, "alice.example", 1)])
    response = go_on(client, QUESTION, len(got), first["ETag"])
    assert response.status_code == 206
    assert b"alice.example" not in streamed(response)
    assert b"alice.example" in body_of(client.get(QUESTION))
    usernames.handle_lookup.cache_clear()


def test_a_deletion_in_the_rest_leaves_it_out(posts, client):
    first, got = broken(client, QUESTION, 300)
    posts.flush(delete("k00", time_us=NOON_US + 99))
    response = go_on(client, QUESTION, len(got), first["ETag"])
    assert response.status_code == 206
    body = got + streamed(response)
    assert (body.count(b"\r\n"), b"n0 " in body) == (20, False)


@pytest.mark.parametrize("number", [0, 4])
def test_a_deletion_while_the_rest_is_sent_breaks_it_off(posts, client, number):
    whole = body_of(client.get(QUESTION))
    first, got = broken(client, QUESTION, 300)
    response = go_on(client, QUESTION, len(got), first["ETag"])
    posts.flush(delete(f"k{number:02}", time_us=NOON_US + 99))
    sent = bytearray()
    with pytest.raises(download.BodyChanged):
        take(response, sent)
    response.close()
    assert len(sent) < int(response["Content-Length"])
    assert whole.startswith(got + sent), "no byte of another file is sent before it breaks off"
    again = go_on(client, QUESTION, len(got + sent), first["ETag"])
    body = got + sent + streamed(again)
    assert (again.status_code, body.count(b"\r\n"), f"n{number} ".encode() in body) == (206, 20, False)


@pytest.mark.parametrize(
    "change",
    [
        {"question": "/export?text=n&fields=text"},
        {"question": "/export?text=n+x"},
        {"etag": '"0123"'},
        {"etag": 'W/"0123"'},
        {"etag": "Wed, 01 Jul 2026 12:00:00 GMT"},
        {"size": 0},
        {"size": 10**9},
        {"size": 10**17},
    ],
)
def test_what_it_can_not_go_on_with_comes_whole(posts, client, change):
    first, _ = broken(client, QUESTION, 500)
    asked = {"question": QUESTION, "size": 500, "etag": first["ETag"]} | change
    response = go_on(client, asked["question"], asked["size"], asked["etag"])
    assert response.status_code == 200
    assert response["ETag"] not in (first["ETag"], asked["etag"])
    assert b"n19" in streamed(response)


def test_somebody_else_s_download_is_not_taken_for_one_s_own(posts, client):
    first, _ = broken(client, QUESTION, 500)
    elsewhere = {"REMOTE_ADDR": "192.0.2.7"}
    assert client.get(QUESTION, HTTP_RANGE="bytes=500-", **elsewhere).status_code == 200
    assert client.get(QUESTION, HTTP_RANGE="bytes=500-", HTTP_IF_RANGE=first["ETag"], **elsewhere).status_code == 206


def test_which_of_two_bodies_the_client_has_is_not_guessed(posts, client):
    broken(client, QUESTION, 500)
    posts.flush(post("n later", rkey="later", time_us=NOON_US + 1000))
    second, got = broken(client, QUESTION, 500)
    assert go_on(client, QUESTION, 500).status_code == 200
    response = go_on(client, QUESTION, 500, second["ETag"])
    assert response.status_code == 206
    assert b"n later" in got + streamed(response)


def test_a_process_that_was_killed_has_left_what_is_needed(posts, client, monkeypatch):
    response = client.get(QUESTION)
    pieces = iter(response.streaming_content)
    got = b"".join(next(pieces) for _ in range(9))
    monkeypatch.setattr(record, "STARTED", Export.objects.get().started_at.replace(year=2100))
    rest = go_on(client, QUESTION, len(got))
    assert rest.status_code == 206
    assert (got + streamed(rest)).count(b"\r\n") == 21
    assert manifest(client, response)["error"] == record.PROCESS_GONE
    response.close()


def test_a_catalog_that_can_not_be_written_does_not_break_a_download(posts, client, monkeypatch, caplog):
    def locked(*_):
        raise DatabaseError("database is locked")

    monkeypatch.setattr(record, "save_prefix", locked)
    first, got = broken(client, QUESTION, 500)
    assert "how far an export is can't be recorded" in caplog.text
    assert go_on(client, QUESTION, len(got), first["ETag"]).status_code == 200  # nothing proves what the client has


def test_no_byte_is_sent_before_its_digest_is_kept(posts, client):
    response, got = client.get(QUESTION), b""
    for piece in response.streaming_content:
        got += piece
        row = Export.objects.get()
        assert row.prefix_bytes >= len(got)
    assert row.prefix_sha256 == sha256(got).hexdigest()
    response.close()


def test_exports_can_be_posted_and_go_on(posts, client):
    asked = {"did": [ALICE], "format": "ndjson"}
    ask = {"content_type": "application/json"}
    whole = body_of(client.post("/export", asked, **ask))
    response = client.post("/export", asked, **ask, HTTP_RANGE="bytes=400-")
    assert response.status_code == 206
    assert streamed(response) == whole[400:]
    assert json.loads(whole.splitlines()[0])["text"].startswith("n19")


@given(st.text())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_header_is_a_range_or_none(text):
    assert first_byte(text) >= 0
    assert first_byte(f"bytes={text}-") == (int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0)
    assert named(text) == "" or text.strip() == f'"{named(text)}"'
