"""Pseudonyms of names and texts, against plain Python."""

import base64
import hmac
import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lake.pseudonyms import rows, tables
from lake.pseudonyms.names import Pseudonyms
from tests.builders import ALICE, BOB, tid

SECRET = b"a project's own"
HANDLES = {"alice.example": ALICE, "news.example.org": BOB, "bsky.app": BOB}
KEY = tid(1_782_907_200_000_000)
POST = f"at://{ALICE}/app.bsky.feed.post/{KEY}"
CID = "bafyreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku"
WEB = "did:web:alice.example"
IDENTIFIERS = [
    ALICE, WEB, POST, CID, ALICE.replace(":", "%3A"), "at://alice.example/app.bsky.feed.post/" + KEY, f"at://{ALICE}",
    f"https://bsky.app/profile/{ALICE}/post/{KEY}", f"https://bsky.app/profile/alice.example/post/{KEY}",
    f"https://deer.social/profile/alice.example/feed/{KEY}", "@alice.example", "@Alice.Example", "＠nobody.example",
    f"https://cdn.bsky.app/img/avatar/plain/{ALICE}/{CID}@jpeg", "@\u2068alice.example", "%40alice.example",
]  # fmt: skip
APART = ["alice.example", "ALICE.example", "www.alice.example", "somebody.bsky.social", "https://alice.example/about"]
LEAKS = [ALICE, BOB, "aliceaaaaaaaaaaaaaaaaaaa", KEY, CID, "did:", "at://", "alice.example", "nobody.example"]
AROUND = st.text(st.sampled_from("ab.:/@-_ 日本é\n\\\"'#%\u2069") | st.characters(codec="utf-8"), max_size=8)


def found(handles):
    return {handle: HANDLES[handle] for handle in handles if handle in HANDLES}


@pytest.fixture
def names():
    return Pseudonyms(SECRET, found)


def of(text):
    digest = hmac.digest(SECRET, text.encode(), "sha256")[:16]
    return base64.b32encode(digest).decode().lower()[:26]


def leaks(text):
    return [secret for secret in LEAKS if secret in text.lower()]


def test_a_pseudonym_is_26_characters_of_the_hmac(names):
    assert names.accounts([ALICE, BOB, WEB]) == [f"anon:{of(did)}" for did in (ALICE, BOB, WEB)]
    assert names.uris([POST, ALICE, ""]) == [
        f"anon:{of(ALICE)}/app.bsky.feed.post/{of(POST)}",
        f"anon:{of(ALICE)}",
        f"anon:{of('')}",
    ]
    assert names.accounts([]) == names.uris([]) == []


def test_a_handle_has_that_of_its_did_where_that_is_known(names):
    assert names.accounts(["alice.example", "Alice.Example"]) == names.accounts([ALICE, ALICE])
    assert names.accounts(["nobody.example"]) == [f"anon:{of('nobody.example')}"]
    assert names.uris([POST.replace(ALICE, "alice.example")]) == names.uris([POST])


def test_who_has_another_secret_has_other_pseudonyms(names):
    assert set(Pseudonyms(b"another", found).uris([POST, ALICE])).isdisjoint(names.uris([POST, ALICE]))


def test_in_a_text_they_are_those_of_the_columns(names):
    account, post = names.uris([ALICE, POST])
    key = post.rpartition("/")[2]
    said = f"{ALICE}. {POST}, @alice.example! https://bsky.app/profile/alice.example/post/{KEY}?x=1 #art nytimes.com"
    link = f"https://bsky.app/profile/{account}/post/{key}?x=1"
    assert names.texts([said, None, ""]) == [f"{account}. {post}, @{account}! {link} #art nytimes.com", None, ""]


def test_links_to_services_and_domains_of_nobody_stay(names):
    texts = ["https://bsky.app/about", "see nytimes.com. Or e.g.this", "app.bsky.feed.post", "10.30 and v1.2.3"]
    assert names.texts(texts) == texts


@given(st.lists(st.sampled_from(IDENTIFIERS), min_size=1, max_size=3), st.lists(AROUND, min_size=4, max_size=4))
def test_no_text_leaks_an_identifier_wherever_it_stands(inside, around):
    text = "".join(part for pair in zip(around, [*inside, "", ""], strict=False) for part in pair)
    names = Pseudonyms(SECRET, found)
    assert leaks(names.texts([text])[0]) == leaks("".join(around))
    for ascii_only in (True, False):
        document = json.dumps({"text": text, text: [text]}, ensure_ascii=ascii_only)
        masked = json.loads(names.documents([document])[0])
        assert leaks(json.dumps(masked)) == leaks(json.dumps("".join(around)))


@given(st.sampled_from(APART), st.sampled_from(" ,(\n/日é\"'"), st.sampled_from(" ,)\n/?日\"'!"))
def test_a_known_handle_needs_no_sign(handle, before, after):
    assert leaks(Pseudonyms(SECRET, found).texts([before + handle + after])[0]) == []


def test_json_with_escapes_is_read_before(names):
    written = '{"\\u0064id:plc:aliceaaaaaaaaaaaaaaaaaaa":["\\u0061t:\\/\\/alice.example\\/x\\/y",1.5,null,true]}'
    masked = json.loads(names.documents([written])[0])
    assert leaks(json.dumps(masked)) == []
    assert next(iter(masked.values()))[1:] == [1.5, None, True]


def test_a_table_and_an_answer_have_the_same_pseudonyms(names):
    row = {
        "id": POST, "did": ALICE, "username": "alice.example", "text": f"by {ALICE}", "mentions": [BOB, ALICE],
        "links": [], "subject": POST, "via": f'{{"uri":"{POST}"}}', "cid": CID, "handle": "alice.example",
        "langs": None,
        "url": f"https://bsky.app/profile/{ALICE}/post/{KEY}", "seen_at": "2026-07-01T12:00:00.000000Z",
    }  # fmt: skip
    answer = rows.replaced(names, row)
    columns = [name for name in row if name not in ("username", "seen_at")]
    table = pa.table({name: [row[name]] for name in columns if name != "langs"}).append_column(
        "langs", pa.array([None], pa.list_(pa.string()))
    )
    table = table.set_column(table.schema.get_field_index("url"), "url", pa.array([POST]))
    table = table.set_column(table.schema.get_field_index("links"), "links", pa.array([[]], pa.list_(pa.string())))
    table = tables.replaced(names, table.append_column("_did", pa.array([ALICE])), columns)
    masked = tables.with_accounts(names, table, 0, "username", "_did").drop_columns("_did").to_pylist()[0]
    assert masked == {name: value for name, value in answer.items() if name != "seen_at"}
    assert answer["username"] == answer["did"]
    assert (answer["cid"], answer["seen_at"]) == (None, row["seen_at"])
    assert leaks(json.dumps(answer)) == []


def test_when_handles_cant_be_looked_up_no_text_is_let_through():
    def fails(handles):
        raise OSError

    with pytest.raises(OSError):
        Pseudonyms(SECRET, fails).texts(["by alice.example"])
