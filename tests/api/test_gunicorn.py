"""What only the real web server shows: how an answer ends."""

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from django.core.management import call_command
from django.db import connection

from ingest.buffer.redis_stream import Buffer
from lake.flush.flusher import Flusher
from tests.api.web import served
from tests.builders import NOON_US, post
from tests.conftest import Lake

pytestmark = pytest.mark.django_db  # or the fixtures would meet the catalog of this folder, not an empty one

HOUR_US = 3_600_000_000
POSTS = 28_000  # of half a kB: more than the sockets between both hold, and than a piece
HEADERS_END = b"\r\n\r\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory, redis_server, django_db_setup, django_db_blocker):
    """A lake of several hours, and its catalog as a file."""
    folder = tmp_path_factory.mktemp("web")
    (folder / "lake").mkdir()
    buffer = Buffer(redis_server.url).connect()
    with django_db_blocker.unblock(), closing(buffer):
        lake = Lake(buffer, folder / "lake")
        lake.flusher = Flusher(buffer, folder / "lake", max_events=100_000)
        for hour in range(4):
            at = NOON_US + hour * HOUR_US
            lake.flush(*(post(f"{n} " + "lake " * 100, time_us=at + n) for n in range(POSTS // 4)))
        with closing(sqlite3.connect(folder / "catalog.sqlite3")) as file:
            connection.ensure_connection()
            connection.connection.backup(file)
        call_command("flush", interactive=False, verbosity=0)
    return folder


@pytest.fixture(scope="module")
def server(folder):
    with served(folder) as web:
        yield web


@pytest.fixture
def web(server):
    server.read = len(server.log.read_text())
    return server


@pytest.fixture
def oldest_hidden_away(folder):
    """A call that takes the files of the oldest two hours from the disk, as a fault would."""
    moved = []

    def hide():
        for path in sorted((folder / "lake").rglob("*.parquet"))[:2]:
            moved.append((path, path.with_suffix(".away")))
            path.rename(path.with_suffix(".away"))

    yield hide
    for path, away in moved:
        away.rename(path)


def ask_for_export(client):
    client.sendall(b"GET /export?format=csv HTTP/1.1\r\nHost: localhost\r\n\r\n")
    received = b""
    while HEADERS_END not in received:
        received += client.recv(1000)
    head, _, rest = received.partition(HEADERS_END)
    assert b"200 OK" in head
    assert b"chunked" in head.lower()
    return rest


def read_all(client, received=b""):
    while data := client.recv(1_000_000):
        received += data
        if data.endswith(b"0\r\n\r\n"):
            break
    return received


def dechunked(received):
    """What the chunks hold; the last one may be cut short."""
    found = b""
    while received:
        size, _, received = received.partition(b"\r\n")
        found += received[: int(size, 16)]
        received = received[int(size, 16) + 2 :]
    return found


def test_a_whole_export_ends_with_the_final_chunk(web):
    with web.connect() as client:
        received = read_all(client, ask_for_export(client))
    assert received.endswith(b"\r\n0\r\n\r\n")
    assert dechunked(received).count(b"at://did:plc:") == POSTS


def test_an_export_that_fails_in_the_middle_breaks_the_connection_without_the_final_chunk(web, oldest_hidden_away):
    with web.connect() as client:
        received = ask_for_export(client)
        oldest_hidden_away()
        received = read_all(client, received)
    assert not received.endswith(b"0\r\n\r\n")
    assert 0 < dechunked(received).count(b"at://did:plc:") < POSTS
    web.await_words("export broken")
    status, body = web.get("/export?sort=oldest")
    assert status == 503
    assert json.loads(body)["error"]["temporary"]


def test_an_export_ends_soon_after_its_reader_has_gone(web):
    with web.connect() as client:
        ask_for_export(client)
    web.await_words("the client has gone")
    assert "Traceback" not in web.says


def test_many_searches_at_once_all_answer_in_one_process(web):
    with ThreadPoolExecutor(20) as threads:
        found = list(threads.map(web.get, [f"/search?text={n}&limit=5" for n in range(20)]))
    assert [status for status, _ in found] == [200] * 20
    assert all(len(json.loads(body)["results"]) == 5 for _, body in found)
    assert "Traceback" not in web.says


def test_each_line_of_its_log_is_json(server):
    server.get("/nowhere")
    server.await_words("/nowhere")
    told = [json.loads(line)["event"] for line in server.log.read_text().splitlines()]
    assert any(event.startswith("Listening at") for event in told)
    assert "request" in told


def test_errors_have_their_shape_on_the_wire(web):
    for path, expected in (("/nope", 404), ("/search?x=1&text=%FF", 400)):
        status, body = web.get(path)
        assert status == expected
        assert json.loads(body)["error"]["request_id"]
