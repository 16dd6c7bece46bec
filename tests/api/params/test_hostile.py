"""Whatever is asked: an answer, or an error that names what is wrong. No text of a request gets further than the values
of a query."""

import http.client
import json
import time
from contextlib import closing, suppress
from urllib.parse import quote

import pytest
from django.conf import settings as django_settings

from api.params.analysis import PostsParams, TimelineParams, TopParams
from api.params.export import ExportParams
from api.params.query import FILTER_PARAMETERS
from api.params.search import SearchParams
from api.params.strict import WindowParams
from api.schema.openapi import schema
from lake.storage.duckdb_engine import Engine
from tests.api.conftest import LAKE_POST, told
from tests.builders import ALICE, BOB, post
from tests.lake.labels.labelling import labels_of, write

pytestmark = pytest.mark.django_db

ENDPOINTS = {
    "/search": SearchParams,
    "/export": ExportParams,
    "/export/manifest": ExportParams,
    "/api/v1/timeline": TimelineParams,
    "/api/v1/top": TopParams,
    "/api/v1/stats": WindowParams,
    "/api/v1/coverage": WindowParams,
}
HOSTILE = {
    "sql": "'; DROP TABLE posts; --",
    "union": "' UNION SELECT * FROM read_parquet('/etc/passwd') --",
    "quote": '"',
    "comment": "/* */ -- ;",
    "parameter": "$files $q0 ? :x %(a)s {sql} {{7*7}}",
    "path": "../../../../etc/passwd",
    "file": "file:///etc/passwd",
    "function": "read_text('/etc/passwd')",
    "percent": "100%_sure",
    "backslash": "\\%\\_\\E(?i)\\",
    "nul": "a\0b",
    "newline": "a\r\nX-Evil: 1\r\n\r\n",
    "script": "<script>alert(1)</script>",
    "regexp": "(a+)+$ [[:alpha:]] (?P<x>.*) a{1000000}",
    "stars": "*".join("a" * 45),
    "only stars": "*" * 1000,
    "depth": "(" * 1000 + "a" + ")" * 1000,
    "open": "((((",
    "minus": "-" * 1000,
    "or": " OR " * 400,
    "words": "a " * 900,
    "operators": "from: lang:,, since:99999-01-01 has: -is:x #",
    "right to left": "\u202elake\u202c \u2066a\u2069",
    "combining": "a" + "\u0300" * 500,
    "emoji": "👨‍👩‍👧‍👦" * 50,
    "private": "\ue000\U0010ffff\ufffe\ufeff",
    "wide": "（lake　OR　－house）＂＃",
    "turkish": "İıßẞς",
    "long": "x" * 2001,
    "number": "9" * 5000,
    "negative": "-9223372036854775809",
    "float": "1e308",
    "nan": "NaN",
    "json": '{"$gt": ""}',
    "date": "0000-00-00T99:99:99+99:99",
}
BOMB = "*".join("a" * 45)


@pytest.fixture
def asking(client):
    """A call that asks and checks what holds of every answer."""
    client.raise_request_exception = False

    def ask(path, values=None, **more):
        if isinstance(values, (dict, bytes)):
            response = client.post(path, values, content_type="application/json", **more)
        else:
            response = client.get(f"{path}?{values or ''}", **more)
        return checked(response)

    return ask


def checked(response):
    body = response.whole = response.getvalue()
    assert response.status_code < 500, body[:500]
    assert b"Traceback" not in body
    assert response["X-Request-Id"]
    assert "X-Evil" not in response.headers
    if response.status_code != 200:
        error = told(body)
        assert error["code"]
        assert error["message"]
        if error["code"] == "invalid_parameter":
            assert error["details"]
            assert all(detail["field"] and detail["message"].endswith(".") for detail in error["details"])
            assert len(body) < 100_000
    return response


def fields(response):
    return {detail["field"] for detail in response.json()["error"]["details"]}


# --- each text in each parameter ----------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_any_text_in_any_parameter_is_an_answer_or_a_fault_of_that_parameter(lake, asking, text):
    for path, params in ENDPOINTS.items():
        others = set() if path == "/search" or text == HOSTILE["sql"] else set(SearchParams().fields)
        for turn, name in enumerate(sorted(set(params().fields) - others), len(text)):
            response = asking(path, f"{name}={quote(text)}") if turn % 2 else asking(path, {name: text})
            assert response.status_code in (200, 400, 404)
            if response.status_code == 400:
                assert name in fields(response)
    assert fields(asking("/api/v1/posts", {"uris": [LAKE_POST, text]})) == {"uris"}


@pytest.mark.parametrize("name", ["text", "did", "fields", "start", "page", "token", "nobody"])
@pytest.mark.parametrize("raw", ["%FF", "%C3", "%ED%A0%80", "%F5%80%80%80", "\udcff"])
def test_what_is_no_utf8_is_a_fault(lake, asking, name, raw):
    path = f"/search?{name}={raw}"
    assert name in fields(
        asking("/search", QUERY_STRING=path.partition("?")[2].encode("utf-8", "surrogateescape").decode("latin-1"))
    )


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"\xff\xfe", "body"),
        (b"[" * 200_000, "body"),
        (b'{"a":' * 200_000, "body"),
        (b'{"text": "a", "text": "b"}', "body"),
        (b'{"text": "\\ud800"}', "text"),
        (b'{"text": {"$ne": null}}', "text"),
        (b'{"did": {"$in": []}}', "did"),
        (b'{"limit": 1e999}', "limit"),
        (b'{"limit": -1}', "limit"),
        (b'{"limit": ' + b"9" * 4000 + b"}", "limit"),
        (b'{"limit": ' + b"9" * 5000 + b"}", "body"),
        (b'{"__proto__": {"a": 1}}', "__proto__"),
        (b'{"": 1}', ""),
        (b"text=lake", "body"),
        (b"null", "body"),
        (b'"lake"', "body"),
        (b'--x\r\nContent-Disposition: form-data; name="text"\r\n\r\nlake\r\n--x--', "body"),
    ],
)
def test_a_hostile_body_is_a_fault(lake, client, body, field):
    for content_type in ("application/json", "text/plain", "multipart/form-data; boundary=x", "nonsense"):
        response = client.generic("POST", "/search", body, content_type=content_type)
        assert response.status_code == 400
        error = told(response.content)
        assert {detail["field"] for detail in error["details"]} == {field}


def test_the_content_type_does_not_matter(lake, client):
    for content_type in ("application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-7", ""):
        assert client.generic("POST", "/search", b'{"text": "a"}', content_type=content_type).status_code == 200


def test_a_body_that_is_too_large_is_a_413(db, asking, settings):
    body = json.dumps({"text": "x" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE}).encode()
    response = asking("/search", body)
    assert (response.status_code, told(response.content)["code"]) == (413, "too_large")
    assert str(settings.DATA_UPLOAD_MAX_MEMORY_SIZE) in told(response.content)["message"]


def test_ten_thousand_parameters_are_refused_with_a_short_answer(lake, asking):
    assert len(fields(asking("/search", "&".join(f"p{n}=1" for n in range(10_000))))) == 50
    assert fields(asking("/search", "&".join(["text=a"] * 10_000))) == {"text"}
    assert fields(asking("/search", "&".join(["did=x"] * 10_001))) == {"did"}
    assert len(fields(asking("/search", {f"p{n}": 1 for n in range(10_000)}))) == 50
    assert asking("/search", {"x" * 1_000_000: 1}).status_code == 400


def test_lists_of_ten_thousand_are_answered(lake, asking):
    lake.flush(post("lake", rkey="k1"))
    dids = [f"did:plc:{n:024}" for n in range(9_999)]
    uris = [f"at://{did}/app.bsky.feed.post/k" for did in dids]
    for values in (
        {"did": [*dids, ALICE]},
        {"mention": dids},
        {"tag": [f"t{n}" for n in range(10_000)]},
        {"subject": uris},
    ):
        response = asking("/search", values)
        assert response.status_code == 200
        assert response.json()["meta"]["total"] == ("did" in values)
    found = asking("/api/v1/posts", {"uris": [*uris, f"at://{ALICE}/app.bsky.feed.post/k1"]}).json()
    assert (found["meta"]["found"], len(found["meta"]["unknown"])) == (1, 9_999)


def test_patterns_take_no_longer_than_any_text(lake, asking):
    lake.flush(*(post("a" * 300, rkey=f"k{n}") for n in range(50)))
    for query in (
        {"text": BOMB + "b"},
        {"text": f"({BOMB}) OR {BOMB}b"[:1900]},
        {"text": "(a+)+$" * 50, "exact": True},
    ):
        started = time.process_time()
        assert asking("/search", query).status_code in (200, 400)
        assert time.process_time() - started < 10


# --- it finds what it says, and nothing else ----------------------------------------------------------------------

TEXTS = [
    "100%_sure",
    "100 percent sure",
    "a\\b",
    "a_b",
    "axb",
    "' OR 1=1 --",
    "it's",
    "$q0",
    "(?i)A+",
    "aaa",
    "../../etc/passwd",
    'he said "hi"',
    "read_parquet('/etc/passwd')",
    "[a-z]+",
    "<b>",
    "a*b",
]


@pytest.mark.slow  # those after it do so with fewer values
def test_hostile_text_means_itself(lake, asking):
    lake.flush(*(post(one, rkey=f"k{n}") for n, one in enumerate(TEXTS)))
    for text in TEXTS:
        quoted = '"' + text.replace('"', '""') + '"'
        expected = {one for one in TEXTS if text.lower() in one.lower()}
        if "*" in text:
            expected |= {one for one in TEXTS if "a" in one and "b" in one[one.index("a") :]}
        for query in ({"text": quoted}, f"text={quote(quoted)}"):
            assert {hit["text"] for hit in asking("/search", query).json()["results"]} == expected
        exact = {"text": text, "exact": True}
        assert text in {hit["text"] for hit in asking("/search", exact).json()["results"]}
        exported = asking("/export", {**exact, "format": "ndjson", "fields": "text"}).whole
        assert text in [json.loads(line)["text"] for line in exported.splitlines()]


def test_a_percent_sign_and_an_underscore_are_plain_characters(lake, asking):
    lake.flush(*(post(one, rkey=f"k{n}") for n, one in enumerate(TEXTS)))
    for text, expected in (("100%_sure", ["100%_sure"]), ("a_b", ["a_b"]), ("%", ["100%_sure"])):
        assert [hit["text"] for hit in asking("/search", f"text={quote(text)}").json()["results"]] == expected


# --- nothing of a request enters the text of a query ---------------------------------------------------------------

MARK = "zqxmark"
MARKED = {
    "text": f'{MARK} "{MARK} 2" OR -{MARK}3 ({MARK}4*{MARK}5) #{MARK}6 exact:"{MARK}7" domain:{MARK}.com url:{MARK}',
    "username": f"did:plc:{MARK}",
    "did": f"did:plc:{MARK}",
    "subject": f"at://did:plc:{MARK}/app.bsky.feed.post/{MARK}",
    "lang": MARK,
    "tag": MARK,
    "mention": f"did:plc:{MARK}",
    "domain": f"{MARK}.example",
    "url": f"https://{MARK}.example/{MARK}",
    "seed": MARK,
    "any": f"#{MARK}",
    "root": f"at://did:plc:{MARK}/app.bsky.feed.post/{MARK}",
    "quotes": f"at://did:plc:{MARK}/app.bsky.feed.post/{MARK}",
    "label": f'"{MARK}"@{MARK}={MARK}',
    "self": MARK,
}
CHOICES = {
    "dataset",
    "clock",
    "has",
    "is",
    "sort",
    "by",
    "format",
    "fields",
    "exact",
    "total",
    "excel",
    "pseudonyms",
    "of",
    "split",
    "sample_per",
}  # closed sets
NUMBERS = {"page", "limit", "sample", "series", "start", "end", "as_of"}  # and times
ELSEWHERE = {"token", "uris"}  # below


def spying(true, seen):
    def spy(self, sql, parameters=(), *rest, **more):
        seen.append((sql, dict(parameters)))
        return true(self, sql, parameters, *rest, **more)

    return spy


@pytest.fixture
def statements(monkeypatch):
    """All SQL that DuckDB is given by a reader, and the values beside it."""
    seen = []
    for name in ("rows", "table", "stream"):
        monkeypatch.setattr(Engine, name, spying(getattr(Engine, name), seen))
    return seen


def test_the_marks_are_in_every_parameter():
    known = {name for params in (*ENDPOINTS.values(), PostsParams) for name in params().fields}
    assert known == set(MARKED) | CHOICES | NUMBERS | ELSEWHERE
    assert set(FILTER_PARAMETERS) <= set(MARKED) | CHOICES


def must_be_clean(statements, root, *marks):
    assert statements
    for sql, values in statements:
        assert not [mark for mark in marks if mark.lower() in sql.lower()], sql
        paths = [*values.get("files", []), *values.get("label_files", [])]
        assert all(path.startswith(f"{root}/") and ".." not in path for path in paths)
        assert "/etc" not in sql


@pytest.fixture
def marked(lake):
    """Posts of which one has a label: a search for a label reads no hour without it."""
    lake.flush(*(post(f"{MARK} {n}", rkey=f"k{n}") for n in range(3)))
    write(lake.root, labels_of(lake.rows("posts")[0], {"name": MARK, "model": MARK, "value": MARK}))


@pytest.mark.parametrize("name", [*MARKED, "all"])
def test_values_are_bound_and_never_part_of_the_text(marked, lake, asking, statements, name):
    given = dict(MARKED) if name == "all" else {name: MARKED[name]}
    more = {"sample": 2} if "seed" in given else {}
    for path, params in ENDPOINTS.items():
        values = {key: value for key, value in (given | more).items() if key in params().fields}
        if values and path not in ("/api/v1/stats", "/api/v1/coverage"):
            assert asking(path, values).status_code == 200
    counted = {key: value for key, value in given.items() if key != "seed"}
    for by in ("authors", "hashtags", "labels"):
        asking("/api/v1/top", {**counted, "by": by})
    asking("/api/v1/timeline", {**counted, "split": "term"})
    must_be_clean(statements, lake.root, MARK)
    if name != "username":  # as did
        assert any(MARK in repr(values) for _, values in statements)


def test_uris_tokens_and_closed_sets_can_not_carry_text_either(lake, asking, statements):
    lake.flush(*(post(f"lake {n}", rkey=f"k{n}") for n in range(3)))
    assert asking("/api/v1/posts", {"uris": [f"at://did:plc:{MARK}/app.bsky.feed.post/{MARK}"]}).status_code == 200
    token = asking("/search", "text=lake&limit=1").json()["meta"]["next"]
    assert asking("/search", f"text=lake&limit=1&token={token}").status_code == 200
    for wrong in (
        token[:-1],
        token[1:],
        token + "A",
        token.swapcase(),
        MARK,
        f"{MARK}:{MARK}:{MARK}",
        "." + token,
        "🐟",
    ):
        assert fields(asking("/search", f"text=lake&limit=1&token={quote(wrong)}")) == {"token"}
    before = len(statements)
    for name in CHOICES | NUMBERS:
        for path, params in ENDPOINTS.items():
            if name in params().fields:
                for text in (MARK, f"posts') -- {MARK}", f"{MARK} DESC; DROP", f"../{MARK}"):
                    assert name in fields(asking(path, {name: text}))
    assert len(statements) == before  # refused before anything was asked of DuckDB
    must_be_clean(statements, lake.root, MARK, token)


def test_a_row_of_another_dataset_is_out_of_reach(lake, asking):
    """The rows of blocks say nothing of the text of posts, whatever is asked for."""
    lake.flush(post("secret", rkey="k1"))
    for name in ("fields", "dataset"):
        for text in ("extra", "record", "*", "text,(SELECT 1)", "posts, likes", "lake_datafile", "information_schema"):
            assert name in fields(asking("/search", {"dataset": "blocks"} | {name: text}))


# --- on the wire ---------------------------------------------------------------------------------------------------


def ask(live, method, path, body=None, headers=()):
    """Status, headers and body of a request that is sent as it is."""
    with closing(http.client.HTTPConnection("127.0.0.1", live.port, timeout=30)) as client:
        client.putrequest(method, path, skip_host=any(name.lower() == "host" for name, _ in headers))
        for name, value in headers:
            client.putheader(name, value)
        if body is not None and not any(name.lower() in ("content-length", "transfer-encoding") for name, _ in headers):
            client.putheader("Content-Length", str(len(body)))
        client.endheaders(body)
        response = client.getresponse()
        return response.status, response.headers, response.read()


HTML = "of the web server"  # gunicorn refuses it itself, without our JSON


def refusal(body):
    """The code of an error, or HTML."""
    return HTML if body.startswith(b"<html>") else told(body)["code"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "LAKE"])
@pytest.mark.parametrize(
    "path", ["/search", "/export", "/export/manifest", "/api/v1/posts", "/api/docs", "/api/schema"]
)
def test_other_methods_are_refused(live, method, path):
    status, headers, body = ask(live, method, path)
    if method == "get":
        assert (status, refusal(body)) == (400, HTML)
    else:
        assert (status, told(body)["code"]) == (405, "method_not_allowed")
        assert headers["Allow"]


@pytest.mark.parametrize("path", ["/search", "/export", "/export/manifest", "/api/v1/top", "/api/schema", "/api/docs"])
def test_head_has_the_headers_of_get_and_no_body(live, path):
    status, headers, body = ask(live, "HEAD", path)
    assert (status, body) == (200, b"")
    assert headers["Content-Type"] == ask(live, "GET", path)[1]["Content-Type"]


@pytest.mark.parametrize(
    "headers",
    [
        [("Host", "localhost:99999999")],
        [("Accept", "application/xml")],
        [("Accept", "\xff\xfe")],
        [("Accept-Language", "../../etc/passwd")],
        [("Accept-Encoding", "gzip;q=x" * 100)],
        [("Authorization", "Basic !!!")],  # another scheme is the proxy's
        [("X-Forwarded-For", "not an address, ::ffff:1.2.3.4.5, 💥".encode().decode("latin-1"))],
        [("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "https")],
        [("X-HTTP-Method-Override", "DELETE")],
        [("Cookie", "sessionid=" + "x" * 4000)],
        [("Range", "bytes=0-1,5-99999999999999999999")],
        [("If-Modified-Since", "yesterday")],
        [("Origin", "null")],
        [(f"X-{n}", "x") for n in range(95)],
        [("X-Long", "x" * 8000)],
    ],
    ids=lambda value: str(value)[:60],
)
def test_headers_change_nothing(live, headers):
    status, _, body = ask(live, "GET", "/search?text=lake&limit=1", headers=headers)
    assert (status, len(json.loads(body)["results"])) == (200, 1)


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ([("Host", "evil.example")], 400, "bad_request"),
        ([("Host", "")], 400, "bad_request"),
        ([("Host", "localhost\x00")], 400, HTML),
        ([("Authorization", "Bearer " + "x" * 5000)], 401, "unknown_key"),
        ([("Authorization", "Bearer \xff\x01")], 400, HTML),
        ([("X-API-Key", "' OR 1=1 --")], 401, "unknown_key"),
        ([("Expect", "200-ok")], 417, HTML),
        ([(f"X-{n}", "x") for n in range(150)], 431, HTML),
        ([("X-Long", "x" * 9000)], 431, HTML),
    ],
    ids=lambda value: str(value)[:60],
)
def test_headers_that_are_refused(live, headers, status, code):
    found, answered, body = ask(live, "GET", "/search?text=lake&limit=1", headers=headers)
    assert (found, refusal(body)) == (status, code)
    assert (found == 401) is ("WWW-Authenticate" in answered)


def test_an_address_that_is_too_long_is_refused_and_a_post_takes_it(live):
    with live.connect() as client:
        with suppress(OSError):  # it does not listen to the end
            client.sendall(b"GET /search?text=" + b"x" * 1_000_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with suppress(OSError):
            assert client.recv(1000).startswith(b"HTTP/1.1 414 ")
    assert ask(live, "GET", "/search?text=" + "x" * 8190)[0] == 414
    status, _, body = ask(live, "POST", "/search", json.dumps({"text": "x" * 1_000_000}).encode())
    assert (status, [detail["field"] for detail in told(body)["details"]]) == (400, ["text"])
    status, _, body = ask(live, "POST", "/search", b" " * 20_000_000)
    assert (status, told(body)["code"]) == (413, "too_large")


@pytest.mark.parametrize(
    ("headers", "body", "code"),
    [
        ([("Content-Length", "-1")], b"", HTML),
        ([("Content-Length", "x")], b"", HTML),
        ([("Content-Length", "5"), ("Content-Length", "6")], b"{}    ", HTML),
        ([("Content-Length", "2"), ("Transfer-Encoding", "chunked")], b"0\r\n\r\n", HTML),
        ([("Transfer-Encoding", "gzip")], b"{}", HTML),
        ([("Transfer-Encoding", "chunked")], b"zz\r\n{}\r\n0\r\n\r\n", "bad_request"),
        ([("Content-Length", "1")], b"{}", "invalid_parameter"),
        ([("Content-Encoding", "gzip")], b"\x1f\x8b" + b"0" * 100, "invalid_parameter"),
    ],
    ids=str,
)
def test_a_body_of_another_length_or_encoding_than_it_says_is_refused(live, headers, body, code):
    status, _, found = ask(live, "POST", "/search", body, headers)
    assert (status, refusal(found)) == (400, code)


def test_a_body_in_chunks_is_read(live):
    chunked = [("Transfer-Encoding", "chunked")]
    status, _, found = ask(live, "POST", "/search", b'8\r\n{"text":\r\n7\r\n"lago"}\r\n0\r\n\r\n', chunked)
    assert (status, [hit["text"] for hit in json.loads(found)["results"]]) == (200, ["Sim, o lago"])
    large = b"100000\r\n" + b" " * 0x100000 + b"\r\n"
    status, _, found = ask(live, "POST", "/search", large * 3 + b"0\r\n\r\n", chunked)
    assert (status, told(found)["code"]) == (413, "too_large")


def test_a_body_that_never_comes_costs_no_error(live):
    live.read = len(live.log.read_text())
    with live.connect() as client:
        client.sendall(b"POST /search HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
    assert ask(live, "GET", "/search?text=lake")[0] == 200
    assert "request failed" not in live.says


@pytest.mark.parametrize(
    "path",
    [
        *(
            "//search",
            "/search/../admin",
            "/static/../../etc/passwd",
            "/static/%2e%2e/%2e%2e/etc/passwd",
            "/api/guide/..",
        ),
        *("/export/manifest/..%2f..%2fetc%2fpasswd", "/export/manifest/%00", "/export/manifest/" + "a" * 5000),
        *("/api/guide?page=../../.env", "/%ff%fe", "/search;a=b", "/api/v1/../../search", "/export/manifest/%ED%A0%80"),
    ],
)
def test_paths_lead_nowhere(live, path):
    status, _, body = ask(live, "GET", path)
    if path.startswith("/api/guide?"):
        assert (status, body) == (200, ask(live, "GET", "/api/guide")[2])
    else:
        assert (status, refusal(body)) == (404, "not_found")
    assert b"root:x:0" not in body  # of /etc/passwd
    assert django_settings.SECRET_KEY.encode() not in body


def test_after_all_that_the_service_is_as_before(live):
    assert ask(live, "GET", "/health/ready")[0] == 200
    assert "Traceback" not in live.log.read_text()
    assert ask(live, "GET", "/search?text=100%25_sure")[2].count(BOB.encode()) >= 1
    assert schema()["openapi"].startswith("3.1")
