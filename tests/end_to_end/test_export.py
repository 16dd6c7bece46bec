"""An export over the real web server: complete, and provably so, or visibly broken."""

import hashlib
import http.client
import json
import subprocess
from contextlib import closing
from pathlib import Path
from shutil import which

import pytest

from tests.api.test_gunicorn import POSTS, folder, server  # noqa: F401 - fixtures
from tests.api.web import answers, served, until

pytestmark = pytest.mark.django_db  # of the fixtures

BLOCK = 1 << 20
STALLED_BYTES = 300 << 20  # three exports with a piece each, and what a query needs


class Reader:
    """A client that reads an export block by block."""

    def __init__(self, web, query=""):
        self._connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=60)
        self._connection.request("GET", f"/export?{query}")
        self._response = self._connection.getresponse()
        assert self._response.status == 200
        self.id = self._response.headers["X-Export-Id"]

    def read(self):
        return self._response.read(BLOCK)

    def all(self):
        return b"".join(iter(self.read, b""))

    def close(self):
        self._response.close()
        self._connection.close()


def manifest(web, export):
    status, body = web.get(f"/export/manifest/{export}")
    assert status == 200, body
    return json.loads(body)


def ended(web, export):
    until(lambda: manifest(web, export)["state"] != "running", "the end is recorded")
    return manifest(web, export)


@pytest.mark.parametrize(
    "form", ["csv", *(pytest.param(form, marks=pytest.mark.slow) for form in ("ndjson", "parquet"))]
)
def test_a_complete_export_is_what_its_manifest_says(server, form):  # noqa: F811
    with closing(Reader(server, f"format={form}")) as reader:
        body = reader.all()
    found = ended(server, reader.id)
    assert (found["state"], found["rows"]) == ("complete", POSTS)
    assert (found["bytes"], found["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())


def test_a_server_that_is_killed_leaves_a_read_that_fails_and_a_manifest_that_says_broken(server):  # noqa: F811
    with closing(Reader(server)) as reader:
        assert reader.read()
        server.kill()
        with pytest.raises((http.client.IncompleteRead, ConnectionResetError)):
            reader.all()
    server.start()
    until(lambda: answers(server), "gunicorn answers again")
    found = manifest(server, reader.id)
    assert (found["state"], found["sha256"]) == ("broken", None)
    assert "has ended" in found["error"]


def test_a_reader_who_goes_is_recorded(server):  # noqa: F811
    with closing(Reader(server)) as reader:
        reader.read()
    found = ended(server, reader.id)
    assert (found["state"], found["error"]) == ("broken", "the client has gone")
    assert 0 < found["rows"] < POSTS


def test_readers_who_do_not_read_cost_no_memory(server):  # noqa: F811
    with closing(Reader(server)) as reader:
        reader.all()
    before = memory(server)
    readers = [Reader(server) for _ in range(3)]
    for reader in readers:
        reader.read()
    assert memory(server) - before < STALLED_BYTES
    for reader in readers:
        reader.close()


def memory(web):
    """Bytes of the worker that does the work."""
    (worker,) = Path(f"/proc/{web.pid}/task/{web.pid}/children").read_text().split()
    return int(Path(f"/proc/{worker}/statm").read_text().split()[1]) * 4096


@pytest.mark.slow
@pytest.mark.skipif(not which("curl"), reason="curl is not installed: it goes on with a download here")
def test_curl_goes_on_where_it_broke_off_and_after_a_kill(folder, tmp_path):  # noqa: F811
    """The server is killed with the first part on its way: what it has left in the catalog is enough."""
    target = tmp_path / "posts.csv"
    with served(folder) as first:
        whole = first.get("/export?format=csv")[1]
        command = ["curl", "--silent", "--fail", "--continue-at", "-", "--output", str(target)]
        address = f"http://127.0.0.1:{first.port}/export?format=csv&lang=en"
        slow = subprocess.Popen([*command, "--limit-rate", "1M", address])
        until(lambda: target.exists() and target.stat().st_size > BLOCK, "curl has the first part")
        first.kill()
        assert slow.wait(60) == 18  # CURLE_PARTIAL_FILE
    got = target.stat().st_size
    assert BLOCK < got < len(whole)
    with served(folder) as second:
        address = f"http://127.0.0.1:{second.port}/export?format=csv&lang=en"
        assert subprocess.run([*command, address], check=False).returncode == 0
        assert target.read_bytes() == whole
        assert subprocess.run([*command, address], check=False).returncode in (0, 22)  # 416: it has all
        assert target.read_bytes() == whole
