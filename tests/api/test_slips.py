"""Each slip of a reader, and what the answer says: one table, over a small lake."""

import pytest

from api.answers.usernames import handle_lookup
from ingest.handles.store import Claim, Store
from tests.builders import ALICE, BOB, post

PARENT = {"uri": f"at://{ALICE}/app.bsky.feed.post/lake", "cid": "bafyreib"}
MENTION = {"$type": "app.bsky.richtext.facet#mention", "did": ALICE}
POSTS = [
    post("a lake", rkey="lake", did=ALICE),
    post("a lake house", rkey="house", did=BOB),
    post("house and boat, not or", rkey="words", did=BOB, langs=["pt-BR"]),
    post("−5 degrees", rkey="minus", did=BOB),
    post("5 degrees", rkey="plus", did=BOB),
    post("#covid-19 is text", rkey="text", did=BOB),
    post(
        "a #covid-19 facet",
        rkey="facet",
        did=BOB,
        facets=[{"index": {"byteStart": 2, "byteEnd": 11}, "features": [{"tag": "covid-19"}]}],
    ),
    post("#C++ and #🔥", rkey="signs", did=BOB),
    post("re", rkey="reply", did=BOB, reply={"root": PARENT, "parent": PARENT}),
    post("hi", rkey="hi", did=BOB, facets=[{"index": {"byteStart": 0, "byteEnd": 2}, "features": [MENTION]}]),
]
NOTHING: set[str] = set()
ALL = {"lake", "house", "words", "minus", "plus", "text", "facet", "signs", "reply", "hi"}
SITE = "https://bsky.app/profile"

# Parameters, the posts that are found, and a part of each note.
ANSWERED = [
    # operators in upper case
    ("text=lake AND house", {"house"}, []),
    ("text=lake NOT house", {"lake"}, []),
    ("text=lake AND NOT house", {"lake"}, []),
    ("text=lake AND NOT (house OR boat)", {"lake"}, []),
    ('text=lake NOT "lake house"', {"lake"}, []),
    ("text=lake AND NOT from:alice.example", {"house"}, []),
    ('text="and" "not" OR "AND"', {"words", "signs"}, []),
    # in lower case they are words
    ("text=house and boat", {"words"}, ["write AND"]),
    ("text=lake or house", NOTHING, ["write OR"]),
    ("text=boat, not or", {"words"}, ["with ,", "write NOT"]),
    # unknown operators, and words with a colon
    ("text=before:2020-01-01", NOTHING, ["until:2020-01-01"]),
    ("text=lake OR after:2020-01-01", {"lake", "house"}, ["since:2020-01-01"]),
    ("text=root:x", NOTHING, ["root: takes the AT-URI of a post"]),
    (f"text=thread:{PARENT['uri']}", NOTHING, [f"root:{PARENT['uri']}"]),
    ("text=mentoins:alice.example", NOTHING, ["mentions:alice.example"]),
    ("text=topic:lakes", NOTHING, ["topic: is no operator."]),
    ("text=https://example.com OR 12:30 OR lake", {"lake", "house"}, []),
    # signs that look like syntax
    ("text=‘lake house’", NOTHING, ["‘, which is text"]),
    ("text='lake house'", NOTHING, ["', which is text"]),
    ("text=lake – house", NOTHING, ["–, which is text"]),
    ("text=lake —house", NOTHING, ["—, which is text"]),
    ("text=−5", {"minus"}, ["−, which is text"]),
    ("text=degrees －−5", {"plus"}, ["−, which is text"]),
    ("text=lake, house", NOTHING, ["with ,"]),
    # languages
    ("text=lang:english", NOTHING, ["write en"]),
    ("lang=english", NOTHING, ["write en"]),
    ("lang=jp", NOTHING, ["write ja"]),
    ("lang=-elvish", ALL, ["one like en"]),
    ("lang=pt", {"words"}, []),
    # synonyms
    ("mentions=alice.example", {"hi"}, []),
    ("text=mention:alice.example", {"hi"}, []),
    (f"from={ALICE}", {"lake"}, []),
    ("text=username:alice.example", {"lake"}, []),
    ("langs=pt", {"words"}, []),
    ("text=langs:pt", {"words"}, []),
    ("hashtags=covid-19&hashtag=c%2B%2B", {"text", "facet", "signs"}, []),
    ("text=hashtag:covid-19", {"text", "facet"}, []),
    ("since=2026-07-01&until=2026-07-01", ALL, []),
    ("text=lake start:2026-07-01 end:2026-07-01", {"lake", "house"}, []),
    ("domains=example.com", NOTHING, []),
    # booleans
    ("text=a lake&exact=True", {"lake", "house"}, []),
    ("text=a lake&exact=FALSE&total=TRUE", {"lake", "house"}, []),
    # the names that the app shows
    (f"subject={SITE}/alice.example/post/lake", {"reply"}, []),
    (f"subject={SITE}/{ALICE}/post/lake", {"reply"}, []),
    ("subject=at://alice.example/app.bsky.feed.post/lake", {"reply"}, []),
    (f"text=subject:{SITE}/alice.example/post/lake", {"reply"}, []),
    (f"from={SITE}/alice.example", {"lake"}, []),
    (f"did={SITE}/{ALICE}", {"lake"}, []),
    ("did=@Alice.Example", {"lake"}, []),
    (f"text=from:{SITE}/alice.example", {"lake"}, []),
    # hashtags
    ("text=%23covid-19", {"text", "facet"}, []),
    ("text=%23covid", {"text", "facet"}, []),
    ("text=%23C%2B%2B", {"signs"}, []),
    ("text=%23🔥", {"signs"}, []),
    ("tag=covid-19", {"text", "facet"}, []),
]
# Parameters, the status, and a part of the message.
REFUSED = [
    ("text=lake AND", 400, "has nothing after the AND at character 6"),
    ("text=NOT lake OR", 400, "has nothing after the OR"),
    ("text=AND lake", 400, "has nothing before the AND at character 1"),
    ("text=lake NOT", 400, 'has nothing after the NOT at character 6; to search for the word write "NOT"'),
    ("text=lake - house", 400, "has a - at character 6"),
    ("text=lang:en, pt", 400, "takes a language code"),
    ("start=2026-07-01&since=2026-07-02", 400, "start: is given more than once, as start and since"),
    ("mentions=x", 400, "mentions: takes a handle"),
    ("exact=yes", 400, "must be true or false"),
    (f"subject={SITE}/alice.example", 400, "not a DID or handle"),
    (f"from={SITE}/alice.example/post/lake", 400, "takes a handle"),
    ("username=nobody.example", 404, "nobody was asked"),
    ("text=from:nobody.example", 404, "did=did:plc:abc or from:did:plc:abc"),
    ("subject=at://nobody.example/app.bsky.feed.post/lake", 404, "APPVIEW_URL is empty"),
]


@pytest.fixture
def slipped(lake, client, settings, tmp_path):
    """A call that asks a small lake in which alice.example is known, without an AppView."""
    settings.HANDLES_PATH = tmp_path / "handles.sqlite3"
    store = Store(settings.HANDLES_PATH, 1).create()
    with store.transaction():
        store.claim([Claim(ALICE, "alice.example", 1)])
    handle_lookup.cache_clear()
    lake.flush(*POSTS)
    yield lambda query, path="/search": client.get(f"{path}?{query.replace(' ', '%20')}")
    handle_lookup.cache_clear()


def found(answer):
    return {hit["id"].rpartition("/")[2] for hit in answer.json()["results"]}


def test_each_slip_is_answered_and_told(slipped):
    for query, expected, told in ANSWERED:
        answer = slipped(query)
        assert answer.status_code == 200, (query, answer.json())
        assert found(answer) == expected, query
        notes = answer.json()["meta"]["notes"]
        assert len(notes) == len(told), (query, notes)
        assert [part for part, note in zip(told, notes, strict=True) if part not in note] == [], notes
    for query, status, message in REFUSED:
        answer = slipped(query)
        assert (answer.status_code, message in answer.json()["error"]["message"]) == (status, True), (
            query,
            answer.json(),
        )


def test_every_answer_to_a_query_has_its_notes(slipped, client):
    for query, notes in (("text=lake or house", 1), ("text=lake", 0)):
        answers = [slipped(query, path).json() for path in ("/search", "/api/v1/timeline", "/api/v1/top")]
        before = slipped(query, "/export/manifest").json()
        export = slipped(query, "/export")
        export.getvalue()
        after = client.get(f"/export/manifest/{export['X-Export-Id']}").json()
        told = [*(answer["meta"]["notes"] for answer in answers), before["notes"], after["notes"]]
        assert told == [told[0]] * 5
        assert len(told[0]) == notes


def test_posts_are_looked_up_by_the_names_that_the_app_shows(slipped, client):
    names = [f"{SITE}/alice.example/post/lake", PARENT["uri"], "at://alice.example/app.bsky.feed.post/lake"]
    answer = client.post("/api/v1/posts", {"uris": names}, content_type="application/json")
    assert found(answer) == {"lake"}
    assert answer.json()["meta"]["asked"] == 1
