"""The examples of docs/api.md do what they say, on a running service."""

import http.client
import re
import shlex
import shutil
import subprocess
from contextlib import closing
from urllib.parse import quote_plus, urlsplit

import pytest

from deploy.local.child import ROOT

pytestmark = pytest.mark.django_db

API = (ROOT / "docs" / "api.md").read_text()
HERE = "http://localhost:8000"
LINES = [line for block in re.findall("```bash\n(.*?)```", API, re.DOTALL) for line in block.splitlines()]
PROGRAM = "\n".join(re.findall("```python\n(.*?)```", API, re.DOTALL))


def at(live, text):
    return text.replace(HERE, f"http://127.0.0.1:{live.port}")


def request(line):
    """Method, path with query, body and headers of a curl line, as far as the guide needs curl."""
    words = iter(shlex.split(line)[1:])
    url, pairs, body = "", [], None
    for word in words:
        match word:
            case "--data-urlencode":
                name, _, value = next(words).partition("=")
                pairs.append(f"{name}={quote_plus(value)}")
            case "-d":
                pairs.append(next(words))
            case "--json":
                body = next(words)
            case "-o":
                next(words)
            case "-G" | "--fail":
                pass
            case _:
                url = word
    found = urlsplit(url)
    query = "&".join(filter(None, [found.query, *pairs]))
    return "POST" if body else "GET", found.path + (f"?{query}" if query else ""), body


@pytest.mark.parametrize("line", LINES)
def test_a_curl_line_is_answered(live, line):
    method, path, body = request(line)
    with closing(http.client.HTTPConnection("127.0.0.1", live.port, timeout=30)) as client:
        client.request(method, path, body)
        response = client.getresponse()
        found = response.read()
    assert response.status == 200, found
    assert b'"results":[]' not in found, "an example that finds nothing"


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
@pytest.mark.parametrize("line", LINES)
def test_curl_itself_takes_the_line(live, line, tmp_path):
    done = subprocess.run([*shlex.split(at(live, line)), "-sS", "--fail"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout or any(tmp_path.iterdir())


def test_the_python_examples_run_one_after_the_other(live):
    exec(compile(at(live, PROGRAM), "docs/api.md", "exec"), found := {})
    assert found["hours"]["share"].between(0, 1).all()
    assert len(found["posts"]) == 10


def test_there_are_examples_of_each_endpoint():
    examples = "\n".join([*LINES, PROGRAM])
    for name in (
        "search",
        "export",
        "export/manifest",
        "api/v1/timeline",
        "api/v1/top",
        "api/v1/posts",
        "api/v1/stats",
    ):
        assert f"{HERE}/{name}" in examples
    assert f"{HERE}/api/v1/coverage" in examples
