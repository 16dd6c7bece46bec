"""Whatever a socket can bring: nothing stops, each event is in its dataset once and whole, and its neighbours are
untouched. What is no event is a dead letter."""

import json
from collections import Counter
from datetime import datetime
from itertools import count

import pytest

from ingest.buffer.entries import arrival_ms
from lake.models import BatchRun
from lake.schema import DATASETS
from lake.storage.record_rebuild import event
from process.instants import now_us
from tests.builders import ALICE, BOB, NOON_US, POST, account, commit, delete, frame, identity, key, like, post, tid

LIKE, REPOST, FOLLOW, BLOCK, PROFILE, OTHER = (
    *("app.bsky.feed.like", "app.bsky.feed.repost", "app.bsky.graph.follow", "app.bsky.graph.block"),
    *("app.bsky.actor.profile", "org.example.thing.record"),
)
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - rows come without a zone, in UTC
COLLECTIONS = (POST, LIKE, REPOST, FOLLOW, BLOCK, PROFILE, OTHER)
REF = {"cid": "bafyreiaxf7tgbfydx3465sckitq6v564thxe2wwydbi7cwxbxvgssje3em", "uri": f"at://{BOB}/{POST}/3mmoodizfwc2j"}
FIELDS = {
    POST: ("text", "createdAt", "langs", "reply", "embed", "facets", "labels", "tags", "$type"),
    LIKE: ("subject", "createdAt", "via", "$type"),
    REPOST: ("subject", "createdAt", "via", "$type"),
    FOLLOW: ("subject", "createdAt", "via", "$type"),
    BLOCK: ("subject", "createdAt", "via", "$type"),
    PROFILE: ("displayName", "description", "createdAt", "$type"),
    OTHER: ("createdAt", "$type", "anything"),
}
STRANGERS: tuple = (
    5,
    -1.5,
    True,
    None,
    "",
    "text",
    [],
    ["a", 5, None, {}],
    {},
    {"uri": 5, "cid": {}},
    {"$type": 5},
    [[[]]],
)


def dataset_of(collection):
    return next((d.name for d in DATASETS.values() if d.collection == collection), "records")


def canonical(value):
    return json.dumps(value, sort_keys=True)


def rebuilt(lake):
    return [event(dataset, row) for dataset in DATASETS for row in lake.rows(dataset)]


def assert_kept(lake, *frames):
    """Flushes the frames between two plain ones, twice: each is there once, whole."""
    before, after = post("before"), post("after", did=BOB)
    sent = [before, *frames, after]
    lake.flush(*sent)
    lake.flush(*sent)
    assert lake.buffer.depth() == 0
    assert lake.buffer.dead_letters() == []
    assert not BatchRun.objects.filter(state=BatchRun.State.FAILED)
    assert Counter(map(canonical, rebuilt(lake))) == Counter(canonical(json.loads(raw)) for raw in sent)


def assert_set_aside(lake, raw, reason):
    before, after = post("before"), post("after")
    lake.flush(before, raw, after)
    assert [(letter.reason, letter.head, letter.length) for letter in lake.buffer.dead_letters()] == [
        (reason, raw[:4096], len(raw))
    ]
    assert [row["text"] for row in lake.rows("posts")] == ["before", "after"]


def test_every_control_character_and_odd_letter_in_every_text(lake):
    texts = [chr(code) for code in [*range(32), 0x7F, 0x85, 0xA0, 0xAD, 0x200B, 0x202E, 0x2028, 0xFEFF, 0xFFFD, 0xFFFF]]
    texts += [
        "a\0b",
        "\0",
        "é" * 1500,
        "x" * 3000,
        "👩‍👩‍👧‍👦" * 120,
        "\\u0000",
        '"',
        "\\",
        "</script>",
        "'; DROP TABLE event; --",
    ]
    frames = [post(text, tags=[text], langs=[text], embed={text: text}) for text in texts]
    frames += [commit(PROFILE, {"$type": PROFILE, "displayName": text, "description": text}) for text in texts]
    frames += [commit(OTHER, {text or "k": text}) for text in texts]
    frames += [commit(FOLLOW, {"$type": FOLLOW, "subject": text, "createdAt": text}) for text in texts]
    frames += [like(text) for text in texts]
    frames += [identity(text or None, seq=number) for number, text in enumerate(texts)]
    assert_kept(lake, *frames)
    assert {row["text"] for row in lake.rows("posts")} >= set(texts)


def test_escapes_mean_their_characters(lake):
    lake.flush(post("PLACE").replace(b"PLACE", rb"\u0000\ud83d\ude00\u00e9\/\b"))
    assert lake.rows("posts")[0]["text"] == "\0😀é/\b"


@pytest.mark.parametrize(
    "raw",
    [
        post("PLACE").replace(b"PLACE", rb"\ud800"),
        post("PLACE").replace(b"PLACE", rb"\udc00\ud800"),
        commit(OTHER, {"PLACE": 1}).replace(b"PLACE", rb"\udfff"),
    ],
)
def test_a_lone_surrogate_is_no_text(lake, raw):
    assert_set_aside(lake, raw, "not_json")


def test_a_frame_of_1_5_mb(lake):
    assert_kept(lake, post("x" * 1_500_000), commit(OTHER, {"a": ["é" * 100] * 7000}), like("u" * 1_500_000))


def test_records_of_very_many_keys(lake):
    """Time and memory are linear in their number: with the square of it the flusher's memory would not do."""
    keys = {f"key {number}": number for number in range(30_000)}
    assert_kept(lake, post(**keys), post(junk=keys), *(commit(c, {"$type": c, **keys}) for c in COLLECTIONS[1:]))


CREATED: tuple = (
    *("0000-01-01T00:00:00.000Z", "0000-01-01T00:00:00+01:00", "9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59-14:00"),
    *("2026-07-01T12:00:00-00:00", "2026-07-01T12:00:00.12345678901234Z", "2026-07-01T12:00:00.123+09:00"),
    *("10000-01-01T00:00:00Z", "-0001-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-07-01T25:00:00.000Z", "now", ""),
    *("2026-07-01T12:00:60.000Z", "2026-07-01", "٢٠٢٦-07-01T12:00:00.000Z", "2026-07-01T12:00:00.000Z\0", "infinity"),
    *('2026-07-01T12:00:00.00"Z', "epoch", 5, 1e300, None, True, [], {}, {"$type": "date"}),
)


def test_created_at_may_be_anything(lake):
    frames = [commit(c, {"$type": c, "createdAt": created}) for c in COLLECTIONS for created in CREATED]
    assert_kept(lake, *frames, *(commit(c, {"$type": c}) for c in COLLECTIONS))


def test_a_moment_that_can_be_told_is_told_in_utc(lake):
    lake.flush(*(post(str(n), createdAt=created) for n, created in enumerate(CREATED[:7])))
    moments = [row["created_at"] and row["created_at"].isoformat() for row in lake.rows("posts")]
    assert moments == [
        *(None, None, "9999-12-31T23:59:59.999000", None),
        *("2026-07-01T12:00:00", "2026-07-01T12:00:00.123456", "2026-07-01T03:00:00.123000"),
    ]


@pytest.mark.parametrize("collection", COLLECTIONS)
def test_any_type_in_any_field(lake, collection):
    plain = {"$type": collection, "createdAt": "2026-07-01T11:59:59.123Z", "subject": REF, "text": "a"}
    assert_kept(lake, *(commit(collection, {**plain, name: v}) for name in FIELDS[collection] for v in STRANGERS))


def test_any_type_in_any_field_of_an_account_event(lake):
    serial = count(1)
    fields = ("did", "handle", "active", "status", "time")
    bodies = [{"did": ALICE, "seq": next(serial), "active": True, name: v} for name in fields for v in STRANGERS]
    bodies += [{"did": ALICE, "seq": v, "time": str(n)} for n, v in enumerate(STRANGERS) if v != 5]
    assert_kept(lake, *(frame(kind, body) for kind in ("account", "identity") for body in bodies))


def test_a_record_that_is_no_object(lake):
    records = ([], [1], None, 5, -0.5, True, "text", "", {}, [{"$type": POST}])
    assert_kept(lake, *(commit(collection, record) for collection in COLLECTIONS for record in records))


@pytest.mark.parametrize(
    "reply", ["text", 5, [], {"root": "text", "parent": REF}, {"root": {**REF, "uri": 5}}, {"": REF}]
)
def test_a_post_with_a_reply_of_another_shape(lake, reply):
    assert_kept(lake, post(reply=reply))
    assert "reply" in json.loads(lake.rows("posts")[0]["extra"] or lake.rows("posts")[1]["extra"])


def test_200_operations_of_one_revision(lake):
    rev = tid(NOON_US)
    same = {"time_us": NOON_US, "rev": rev}
    frames = [post(str(n), rkey=f"r{n}", **same) for n in range(100)]
    frames += [delete(f"r{n}", **same) for n in range(100)]
    assert_kept(lake, *frames)


def test_keys_of_records_of_all_legal_characters_and_lengths(lake):
    keys = (
        "a:b",
        "a~b",
        "~",
        "_",
        ".a",
        "-",
        "A",
        "a",
        "did:plc:x",
        "x" * 512,
        "x" * 511,
        "%2F",
        "SELF",
        "self",
        "..",
        "é",
        "",
    )
    frames = [post(name, rkey=name, time_us=NOON_US) for name in keys if name]
    assert_kept(lake, *frames, *(delete(name, OTHER) for name in keys))


@pytest.mark.parametrize("kind", ["sync", "info", "", "Commit", "commit\0", 5, None, [], {"a": 1}])
def test_an_unknown_kind_is_set_aside(lake, kind):
    assert_set_aside(lake, json.dumps({"did": ALICE, "time_us": NOON_US, "kind": kind}).encode(), "unknown_kind")


def test_unknown_lexicons_are_records(lake):
    names = (
        *("fm.teal.alpha.feed.play", "app.bsky.feed.POST", "app.bsky.feed.post.", "", "x", "😀", "a\0b", "records"),
        "posts",
    )
    assert_kept(lake, *(commit(name, {"$type": name, "text": "a"}) for name in names))
    assert {row["collection"] for row in lake.rows("records")} == set(names)


INTEGERS = (
    *("9223372036854775807", "9223372036854775808", "-9223372036854775808", "-9223372036854775809"),
    *("18446744073709551615", "18446744073709551616", "9" * 30, "-" + "9" * 30, "9" * 4000, "-0"),
)
FLOATS = ("1e5", "1E5", "1e-5", "1.0", "0.1", "-0.0", "0e0", "123456789.123456789", "1e308", "5e-324", "1e16", "1e22")


@pytest.mark.parametrize("collection", [POST, LIKE, PROFILE, OTHER])
def test_integers_keep_every_digit_and_floats_their_value(lake, collection):
    for number in INTEGERS + FLOATS:
        lake.append(commit(collection, {"$type": collection, "n": "PLACE"}).replace(b'"PLACE"', number.encode()))
    lake.flush()
    column = "record" if collection == OTHER else "extra"
    texts = [row[column] for row in lake.rows(dataset_of(collection))]
    assert [repr(json.loads(text)["n"]) for text in texts] == [repr(json.loads(n)) for n in INTEGERS + FLOATS]
    assert lake.buffer.dead_letters() == []


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1e400"])
def test_a_number_beyond_all_floats_is_kept_or_set_aside(lake, number):
    raw = commit(OTHER, {"n": "PLACE"}).replace(b'"PLACE"', number.encode())
    lake.flush(post("before"), raw, post("after"))
    kept = [json.loads(row["record"], parse_float=str)["n"] for row in lake.rows("records")]
    assert kept == [number] or [letter.head for letter in lake.buffer.dead_letters()] == [raw]
    assert [row["text"] for row in lake.rows("posts")] == ["before", "after"]


@pytest.mark.parametrize("collection", [POST, LIKE, OTHER])
@pytest.mark.parametrize("depth", [32, 900])
def test_deep_nesting_is_kept(lake, collection, depth):
    deep = "[" * depth + "]" * depth
    raw = commit(collection, {"$type": collection, "text": "deep", "n": "PLACE"}).replace(b'"PLACE"', deep.encode())
    for _ in range(2):
        lake.flush(like("at://before"), raw, like("at://after"))
    assert lake.buffer.dead_letters() == []
    rows = [row for row in lake.rows(dataset_of(collection)) if deep in (row["extra"] or "") + row.get("record", "")]
    assert len(rows) == 1


def test_nesting_without_end_is_set_aside(lake):
    raw = commit(OTHER, {"n": "PLACE"}).replace(b'"PLACE"', b"[" * 5000 + b"]" * 5000)
    assert_set_aside(lake, raw, "too_deep")


RANGES = [(5, 2), (0, 10**18), (-5, -1), (2**63, 2**64), ("a", None), (0, 0), (1, 2)]


def test_facets_with_ranges_that_make_no_sense(lake):
    tag = {"$type": "app.bsky.richtext.facet#tag", "tag": "x"}
    facets = [[{"index": {"byteStart": a, "byteEnd": b}, "features": [tag]}] for a, b in RANGES]
    facets += [
        [{"features": "x"}],
        [5],
        "x",
        {"features": [tag]},
        [{"features": [{"tag": 5}, {"uri": []}, {"did": {}}]}],
    ]
    assert_kept(lake, *(post("é", facets=value) for value in facets))


def test_a_key_that_is_there_twice_keeps_the_record_as_it_came(lake):
    twice = rb'{"$type":"app.bsky.feed.post","text":"one","text":"two","createdAt":"2026-07-01T11:59:59.123Z"}'
    lake.flush(post("before"), commit(POST, "PLACE").replace(b'"PLACE"', twice), post("after"))
    texts = {row["text"]: row["extra"] for row in lake.rows("posts")}
    assert texts.pop("before") is None
    assert texts.pop("after") is None
    assert list(texts.values()) == [f'{{"$record":{twice.decode()}}}']


def test_a_key_that_is_there_twice_in_the_envelope_means_its_last_value(lake):
    plain = [post("a"), delete("r"), account(True)]
    twice = [raw.replace(b'"did":', b'"did":"did:plc:other","did":', 1) for raw in plain]
    twice += [raw.replace(b'"rev":', b'"rev":"0","rev":') for raw in plain[:2]]
    assert_kept(lake, *twice[:3])
    lake.flush(*plain, *twice)
    assert {row["did"] for name in DATASETS for row in lake.rows(name)} == {ALICE, BOB}
    assert [len(lake.rows(name)) for name in ("posts", "deletes", "accounts")] == [3, 1, 1]
    assert lake.buffer.dead_letters() == []


def test_a_body_that_occurs_twice_means_the_last_one(lake):
    raw = delete("r").replace(b'"commit":', b'"commit":null,"commit":')
    assert_kept(lake, raw, raw.replace(b'"kind":', b'"kind":"identity","kind":').replace(b'"r"', b'"s"'))


def test_odd_keys(lake):
    keys = (
        "",
        " ",
        "a.b",
        "a/b",
        "~",
        "~1",
        "$",
        "$.a",
        "*",
        "[0]",
        '"',
        "\\",
        "\0",
        "é",
        "$record",
        "$time_us",
        "x" * 8192,
    )
    assert_kept(lake, *(commit(c, {"$type": c, name: "v", "text": "a"}) for c in COLLECTIONS for name in keys))


IMPOSSIBLE = (0, -1, 1_640_995_199_999_999, NOON_US * 1000, 10**30, -(10**30), 2**63, 2**64)


def test_an_impossible_time_is_kept_and_the_event_is_seen_at_its_arrival(lake):
    frames = [commit(POST, {"$type": POST, "text": str(t)}, time_us=t, rkey=f"r{n}") for n, t in enumerate(IMPOSSIBLE)]
    frames += [identity(time_us=t, seq=n) for n, t in enumerate(IMPOSSIBLE)]
    frames += [delete(f"r{n}", time_us=t) for n, t in enumerate(IMPOSSIBLE)]
    lake.append(*frames)
    arrival = arrival_ms(lake.buffer.newest_id())
    lake.flush()
    for row in [*lake.rows("posts"), *lake.rows("accounts"), *lake.rows("deletes")]:
        assert json.loads(row["extra"])["$time_us"] in IMPOSSIBLE
    seen = {int((row["seen"] - EPOCH).total_seconds() * 1000) for row in lake.rows("posts")}
    assert max(seen) <= arrival <= min(seen) + 1000
    assert_kept(lake, *frames)


def test_a_time_within_the_hour_ahead_is_believed(lake):
    now = now_us()
    assert_kept(lake, post(time_us=now + 3_500_000_000), post(time_us=now + 3_700_000_000))
    extras = [row["extra"] for row in lake.rows("posts")]
    assert sum(extra is not None for extra in extras) == 1


@pytest.mark.parametrize("record", [{"$type": POST, "text": "kept"}, None, [], "text"])
def test_a_delete_that_carries_a_record_keeps_it(lake, record):
    raw = json.loads(delete("r"))
    raw["commit"]["record"] = record
    assert_kept(lake, json.dumps(raw).encode())
    assert json.loads(lake.rows("deletes")[0]["extra"]) == {"$record": record}


def test_two_events_that_differ_in_the_order_of_their_keys_are_one(lake):
    def turned(value):
        return {name: turned(value[name]) for name in reversed(value)} if isinstance(value, dict) else value

    for raw in (post("a", reply={"root": REF, "parent": REF}), like("at://x"), account(True), identity("a.example")):
        lake.append(raw, json.dumps(turned(json.loads(raw)), indent=1).encode())
    lake.flush()
    assert [len(lake.rows(name)) for name in ("posts", "likes", "accounts")] == [1, 1, 2]


def test_all_of_it_in_one_batch(lake):
    """Neighbours of every kind, among junk, in one flush and again in another order."""
    frames = [commit(c, {"$type": c, name: v}) for c in COLLECTIONS for name in FIELDS[c] for v in STRANGERS]
    junk = [b"", b"\xff", b"[]", b"{}", b'{"kind":"commit"}', frames[0][:-9]]
    lake.flush(*junk, *frames)
    lake.flush(*reversed(frames))
    assert Counter(key(json.dumps(sent).encode()) for sent in rebuilt(lake)) == Counter(map(key, frames))
    assert len(lake.buffer.dead_letters()) == len(junk)
