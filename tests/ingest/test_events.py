"""What a frame says."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.events import MAX_DEPTH, Drop, DropReason, Event, read, record_cid
from tests.builders import ALICE, NOON_US, account, commit, delete, identity, like, post

SAMPLES = Path(__file__).parents[2].parent / "shared" / "samples"
ENVELOPE = {"did": ALICE, "time_us": NOON_US, "kind": "identity", "identity": {"did": ALICE}}
REAL = [line for path in sorted(SAMPLES.glob("real-*.ndjson")) for line in path.read_bytes().splitlines()]


def encoded(**changed):
    return json.dumps({**ENVELOPE, **changed}).encode()


def meaning(frame):
    """What a frame says, by Python's parser, which also takes the last value of a key that occurs twice."""
    sent = json.loads(frame)
    commit, body = sent.get("commit"), sent[sent["kind"]]
    if sent["kind"] == "commit":
        commit = tuple(commit.get(name) for name in ("rev", "operation", "collection", "rkey", "cid"))
        body = sent["commit"].get("record", ABSENT)
    return sent["kind"], sent["did"], sent["time_us"], commit if sent["kind"] == "commit" else None, canonical(body)


def understood(event):
    commit = event.commit and tuple(
        getattr(event.commit, name) for name in ("rev", "operation", "collection", "rkey", "cid")
    )
    body = canonical(json.loads(bytes(event.body))) if event.body else canonical(ABSENT)
    return event.kind, event.did, event.time_us, commit, body


ABSENT = "no body at all"


def canonical(value):
    """Tells 1, 1.0 and true apart, which == does not."""
    return json.dumps(value)


@pytest.mark.parametrize("frame", [post(), like("at://x"), delete("r"), account(True), identity("a.example.com")])
def test_the_events_of_the_protocol_are_kept_as_received(frame):
    event = read(frame)
    assert event.frame is frame
    assert event.seq is None
    assert understood(event) == meaning(frame)


def test_a_server_of_the_second_generation_numbers_its_events():
    assert read(encoded(cursor=712)).seq == 712


GOLDEN = {
    b'{"did":"did:plc:a","time_us":1,"cursor":9,"kind":"commit","commit":{"rev":"r","operation":"delete",'
    b'"collection":"c.d.e","rkey":"k"}}': ("commit", 1, 9),
    b'{"time_us":-5,"kind":"account","account":{},"did":"","more":[1,{"a":null}]}': ("account", -5, None),
    b' {"did":"\\u0000","time_us":' + b"9" * 30 + b',"kind":"identity","identity":{}} \n': (
        "identity",
        10**30 - 1,
        None,
    ),
    b'{"did":"d","time_us":1,"kind":"commit","commit":{"rev":"r","operation":"create","collection":"c","rkey":"k",'
    b'"record":null}}': ("commit", 1, None),
}


@pytest.mark.parametrize(("frame", "expected"), GOLDEN.items(), ids=range(len(GOLDEN)))
def test_golden_frames(frame, expected):
    event = read(frame)
    assert (event.kind, event.time_us, event.seq) == expected


WITHOUT_RECORD = {"rev": "r", "operation": "create", "collection": "c", "rkey": "k"}
DEEP = b"[" * 5000 + b"]" * 5000
DROPPED = [
    (b"\xff\xfe", DropReason.NOT_UTF8),
    (post().replace(b"hello", b"\xed\xa0\x80"), DropReason.NOT_UTF8),
    (b"", DropReason.NOT_JSON),
    (post()[:-1], DropReason.NOT_JSON),
    (post() + b"x", DropReason.NOT_JSON),
    (post(r"\ud800").replace(rb"\\ud", rb"\ud"), DropReason.NOT_JSON),
    (post("\x01").replace(rb"\u0001", b"\x01"), DropReason.NOT_JSON),
    (b'{"did":5,"time_us":', DropReason.NOT_JSON),
    (post().replace(b'"hello lake"', DEEP), DropReason.TOO_DEEP),
    (b'{"did":5,"kind":' + DEEP + b"}", DropReason.TOO_DEEP),
    (b"[]", DropReason.UNKNOWN_KIND),
    (b"null", DropReason.UNKNOWN_KIND),
    (b'{"type":"com"}', DropReason.UNKNOWN_KIND),
    (encoded(kind="rumour"), DropReason.UNKNOWN_KIND),
    (encoded(kind=5), DropReason.UNKNOWN_KIND),
    (encoded(time_us="1"), DropReason.MALFORMED),
    (encoded(time_us=1.5), DropReason.MALFORMED),
    (encoded(did=None), DropReason.MALFORMED),
    (encoded(identity=None), DropReason.MALFORMED),
    (encoded(identity=[]), DropReason.MALFORMED),
    (encoded(kind="account"), DropReason.MALFORMED),
    (encoded(kind="commit"), DropReason.MALFORMED),
    (encoded(kind="commit", commit=WITHOUT_RECORD), DropReason.MALFORMED),
    (encoded(kind="commit", commit={**WITHOUT_RECORD, "operation": "merge"}), DropReason.MALFORMED),
    (encoded(kind="commit", commit={**WITHOUT_RECORD, "record": {}, "rev": None}), DropReason.MALFORMED),
]


@pytest.mark.parametrize(("frame", "reason"), DROPPED, ids=range(len(DROPPED)))
def test_a_frame_that_is_no_event_is_dropped_with_its_reason(frame, reason):
    assert read(frame) == Drop(frame, reason)


LEVELS = MAX_DEPTH - 3  # besides the envelope, the commit and the record


@pytest.mark.parametrize(
    ("value", "is_too_deep"),
    [
        (b"[" * LEVELS + b"]" * LEVELS, False),
        (b"[" * (LEVELS + 1) + b"]" * (LEVELS + 1), True),
        (b'{"a":' * (LEVELS + 1) + b"1" + b"}" * (LEVELS + 1), True),
        (b"[" + b"[]," * 5000 + b"[]]", False),
        (b'"' + b"[{" * 5000 + b'"', False),
        (b'"\\"' + b"[{" * 5000 + b'\\\\"', False),
    ],
)
def test_how_deep_is_too_deep_depends_on_no_version_of_python(value, is_too_deep):
    found = read(post().replace(b'"hello lake"', value))
    assert isinstance(found, Drop if is_too_deep else Event)


def test_every_reason_that_a_frame_can_have_is_shown_here():
    assert {reason for _, reason in DROPPED} == set(DropReason) - {DropReason.POISON}, "poison is the flusher's"


def assert_total(frame):
    answer = read(frame)
    assert isinstance(answer, Event | Drop)
    assert answer.frame is frame


@given(st.binary())
def test_no_bytes_make_it_raise(frame):
    assert_total(frame)


TEXT = st.text("a$é\0\ud800😀", max_size=3)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
KINDS = st.sampled_from(["commit", "identity", "account", "sync"])


@given(
    st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("did", "time_us", "cursor", "commit", "identity", "account"), JSON),
            "kind": KINDS | JSON,
        },
    ),
    st.integers(0, 400),
)
def test_no_json_whole_or_cut_makes_it_raise(value, end):
    text = json.dumps(value).encode()
    assert_total(text)
    assert_total(text[:end])


# --- envelopes of any order, with keys that occur twice -----------------------------------------------------------

NAMES = st.text('ab$é\0😀"\\/', max_size=4)
RECORDS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=5,
)
OPERATIONS = st.sampled_from(["create", "update", "delete"])


def objects(draw, members):
    """JSON text of an object with these members in any order, some of them twice, with blanks and unknown keys.
    `members`: strategies of values as JSON text, by key."""
    pairs = [(key, draw(value)) for key, value in members.items()]
    repeated = draw(st.lists(st.sampled_from(sorted(members)), max_size=2))
    pairs += [(key, draw(members[key])) for key in repeated]
    pairs += draw(st.lists(st.tuples(st.just("unknown"), RECORDS.map(json.dumps)), max_size=1))
    blank = draw(st.sampled_from(["", " ", "\n\t"]))
    texts = [f"{blank}{json.dumps(key)}{blank}:{blank}{value}" for key, value in draw(st.permutations(pairs))]
    return f"{{{','.join(texts)}{blank}}}"


@st.composite
def commits(draw):
    text = NAMES.map(json.dumps)
    members = {"rev": text, "operation": OPERATIONS.map(json.dumps), "collection": text, "rkey": text}
    return objects(draw, members | {"cid": text, "record": RECORDS.map(json.dumps)})


@st.composite
def accounts(draw):
    return objects(draw, {"handle": RECORDS.map(json.dumps), "status": RECORDS.map(json.dumps)})


@st.composite
def envelopes(draw):
    bodies = {"commit": commits(), "identity": accounts(), "account": accounts()}
    members = {"kind": st.sampled_from(sorted(bodies)).map(json.dumps), "did": NAMES.map(json.dumps)}
    times = st.integers(-(10**30), 10**30).map(json.dumps)
    return objects(draw, members | {"time_us": times} | bodies).encode()


@given(envelopes())
def test_of_a_key_that_occurs_twice_the_last_value_counts(frame):
    event = read(frame)
    assert event.frame is frame
    assert understood(event) == meaning(frame)


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (b'{"did":"a","time_us":1,"kind":"identity","kind":"account","identity":{},"account":{}}', "account"),
        (b'{"did":"a","time_us":1,"kind":"identity","identity":5,"identity":{}}', "identity"),
    ],
)
def test_a_kind_or_body_that_occurs_twice(frame, kind):
    assert read(frame).kind == kind


def test_a_body_of_another_kind_must_be_an_object_all_the_same():
    plain = json.loads(post())
    for body, kept in (({}, True), (None, True), ([], False), ("x", False)):
        assert isinstance(read(json.dumps({**plain, "account": body}).encode()), Event) is kept


@given(st.integers(0, 400), st.integers(0, 255))
def test_no_changed_byte_of_an_event_makes_it_raise(at, byte):
    frame = bytearray(commit("a.b.c", {"text": "é"}, time_us=NOON_US))
    frame[at % len(frame)] = byte
    assert_total(bytes(frame))


@pytest.mark.skipif(not REAL, reason="the real samples are not here")
def test_real_frames_are_events_and_their_records_hash_to_their_cids():
    cids = 0
    for line in REAL:
        if isinstance(read(line), Event) and (cid := json.loads(line).get("commit", {}).get("cid")):
            assert record_cid(json.loads(line)["commit"]["record"]) == cid
            cids += 1
    assert cids > 100


def test_a_cid_covers_links_bytes_and_order():
    link = {"$link": "bafyreiaxf7tgbfydx3465sckitq6v564thxe2wwydbi7cwxbxvgssje3em"}
    assert record_cid({"b": link, "a": {"$bytes": "AAEC"}}) == record_cid({"a": {"$bytes": "AAEC=="}, "b": link})
    assert record_cid({"a": 1}) != record_cid({"a": 2})
    assert record_cid({}).startswith("bafyrei")
    assert len(record_cid({})) == 59


@pytest.mark.parametrize("value", [2**64, -(2**64) - 1, float("nan"), "\ud800", {"$link": "no cid"}, {"$bytes": "a"}])
def test_what_dag_cbor_cannot_hold_has_no_cid(value):
    with pytest.raises(ValueError):
        record_cid({"a": value})


@given(JSON)
def test_a_cid_or_a_value_error_for_any_json(value):
    with suppress(ValueError):
        assert len(record_cid(value)) == 59
