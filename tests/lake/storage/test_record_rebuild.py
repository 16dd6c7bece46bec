"""A row of the lake holds its event whole: what is rebuilt from it equals what came, and hashes to its CID."""

import json
from functools import partial
from itertools import count, product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from ingest.events import record_cid
from lake.schema import DATASETS
from lake.storage.record_rebuild import event
from tests.builders import ALICE, NOON_US, POST, account, commit, delete, frame, identity, like, post, tid

SAMPLES = Path(__file__).parents[3].parent / "shared" / "samples"
REF = {"cid": record_cid({"some": "post"}), "uri": f"at://{ALICE}/{POST}/3mmoodizfwc2j"}


def canonical(value):
    """Tells 1, 1.0 and true apart, which == does not."""
    return json.dumps(value, sort_keys=True)


def sent(raw):
    """The event of a frame, without what belongs to the transport."""
    return {name: value for name, value in json.loads(raw).items() if name != "cursor"}


def rebuilt(lake):
    return [event(dataset, row) for dataset in DATASETS for row in lake.rows(dataset)]


def assert_whole(lake, *frames):
    """Flushes the frames; each must come back from its row."""
    lake.flush(*frames)
    assert not lake.buffer.dead_letters()
    assert sorted(map(canonical, rebuilt(lake))) == sorted(canonical(sent(raw)) for raw in frames)


def assert_hashes(lake):
    for dataset in DATASETS:
        for row in lake.rows(dataset):
            if row["cid"]:
                assert record_cid(event(dataset, row)["commit"]["record"]) == row["cid"]


def test_every_kind_of_event_comes_back(lake):
    created = {"createdAt": "2026-07-01T11:59:59.123Z"}
    image = {"$type": "app.bsky.embed.images", "images": [{"alt": "", "image": {"$type": "blob", "size": 5}}]}
    assert_whole(
        lake,
        post("plain"),
        post(
            "all of it", reply={"root": REF, "parent": REF}, embed=image, facets=[], tags=["a"], labels={"values": []}
        ),
        post("", operation="update", langs=[]),
        like(REF["uri"], via=REF),
        commit("app.bsky.feed.repost", {"$type": "app.bsky.feed.repost", "subject": REF, **created}),
        commit("app.bsky.graph.follow", {"$type": "app.bsky.graph.follow", "subject": ALICE, "via": REF, **created}),
        commit("app.bsky.graph.block", {"$type": "app.bsky.graph.block", "subject": ALICE, **created}),
        commit("app.bsky.actor.profile", {"$type": "app.bsky.actor.profile", "displayName": "Alice\0", "avatar": {}}),
        commit("fm.teal.alpha.actor.status", {"$type": "fm.teal.alpha.actor.status", "item": [1, 1.5, None]}),
        delete("3mmoodizfwc2j"),
        delete("self", "app.bsky.actor.profile"),
        account(True),
        account(False, "takendown", seq=2**62),
        identity("alice.example.com"),
        identity(seq=2),
    )
    assert_hashes(lake)


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("real-v1-*.ndjson")), ids=lambda path: path.stem)
def test_real_events_come_back_and_hash_to_their_cid(lake, path):
    assert_whole(lake, *path.read_bytes().splitlines())
    assert_hashes(lake)


ODD_RECORDS = [
    {"text": "no $type"},
    {"$type": "another.type.here", "text": "a"},
    {"$type": POST, "text": 5, "langs": "en", "reply": [], "embed": None, "facets": {}, "tags": "a"},
    {"$type": POST, "langs": ["en", 5]},
    {"$type": POST, "langs": [None]},
    {"$type": POST, "langs": None},
    {"$type": POST, "reply": {"root": REF, "parent": {**REF, "more": 1}}},
    {"$type": POST, "reply": {"root": REF, "parent": REF, "more": 1}},
    {"$type": POST, "reply": {"root": REF}},
    {"$type": POST, "$record": 1},
    {"$type": POST, "$time_us": 1, "text": "ours"},
    {"$type": POST, "": 1, "a/b": 2, "~": 3, "~1": 4, "a\0b": 5, '"': 6, "\\": 7, "$.x": 8, "*": 9},
    {"$type": POST, "huge": 10**400, "big": 2**64, "least": -(2**63), "float": 1.0, "minus": -0.0, "small": 5e-324},
    {"$type": POST, "deep": json.loads("[" * 200 + "]" * 200)},
    {},
    [],
    [{"$type": POST}],
    "text",
    5,
    None,
    True,
]


def test_a_record_that_does_not_fit_comes_back(lake):
    assert_whole(
        lake,
        *(commit(dataset.collection or "a.b.c", record) for dataset in DATASETS.values() for record in ODD_RECORDS),
    )


ODD_CREATED: tuple[object, ...] = (
    *("2026-07-01T11:59:59.123Z", "2026-07-01T11:59:59.1230Z", "2026-07-01T11:59:59Z", "2026-07-01T11:59:59.000000Z"),
    *("0000-01-01T00:00:00.000Z", "0001-01-01T00:00:00.000Z", "0999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z"),
    *("9999-12-31T23:59:59.999-09:00", "2026-07-01T11:59:59.123-00:00", "2026-07-01T11:59:59.123+09:00"),
    *("2026-07-01T11:59:59.12345678901234Z", "2026-02-30T00:00:00.000Z", "2026-12-31T23:59:60.000Z"),
    *(
        "2026-07-01T24:00:00.000Z",
        "2026-07-01 11:59:59.123Z",
        "10000-01-01T00:00:00.000Z",
        "infinity",
        "today",
        "",
        "\0",
    ),
    *("1969-12-31T23:59:59.999Z", "1582-10-10T00:00:00.000Z", "2026-07-01t11:59:59.123z", "-0001-01-01T00:00:00.000Z"),
    *(1782907199123, 1.5, None, True, [], {}, ["2026-07-01T11:59:59.123Z"]),
)


def test_any_created_at_comes_back(lake):
    collections = [dataset.collection or "a.b.c" for dataset in DATASETS.values()]
    assert_whole(
        lake,
        *(
            commit(collection, {"$type": collection, "createdAt": created}, rev=tid(number))
            for number, (collection, created) in enumerate((c, created) for c in collections for created in ODD_CREATED)
        ),
    )


IMPOSSIBLE = (0, -1, 1, 2**63 - 1, 2**63, 2**64, -(2**63), NOON_US * 1000)


def test_an_impossible_time_comes_back(lake):
    odd = {"$time_us": 5, "$record": 6}
    kinds = (post, partial(commit, "a.b.c", odd), partial(commit, POST, odd), partial(delete, "x"))
    events = [kind(time_us=time_us, did=f"{ALICE}{n}") for n, (time_us, kind) in enumerate(product(IMPOSSIBLE, kinds))]
    assert_whole(lake, *events, *(account(True, time_us=time_us, seq=n) for n, time_us in enumerate(IMPOSSIBLE)))


def test_a_body_of_an_account_event_that_does_not_fit_comes_back(lake):
    assert_whole(
        lake,
        frame("account", {"active": "yes", "did": 5, "seq": 1.5, "status": None, "time": 7, "more": {}}),
        frame("account", {"did": "did:plc:another", "seq": 2}),
        frame("account", {"active": False, "seq": 3}),
        frame("account", {}),
        frame("identity", {"handle": ["x"], "did": ALICE, "seq": 2**63}),
        frame("identity", {"handle": "x.example", "did": ALICE, "seq": -1, "$record": 1}),
    )


def test_a_delete_that_comes_with_a_record_keeps_it(lake):
    raw = json.loads(delete("x"))
    raw["commit"]["record"] = {"text": "why"}
    assert_whole(lake, json.dumps(raw).encode())


# --- any JSON at all -----------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["en", ALICE, REF["uri"], "\0", "#tag"]
)
KNOWN = ("$type", "createdAt", "text", "langs", "reply", "embed", "facets", "labels", "tags", "subject", "via")
MORE = (
    "displayName",
    "description",
    "did",
    "handle",
    "active",
    "status",
    "seq",
    "time",
    "uri",
    "cid",
    "root",
    "parent",
)
ODD = ("", "/", "~", "~0", "a/b", "$", "$record", "$time_us", "\0", "*", "$.text", '"', "record", "extra")
KEYS = st.sampled_from((*KNOWN, *MORE, *ODD)) | TEXTS
INTEGERS = st.integers(-(2**70), 2**70) | st.sampled_from([0, 10**40, 2**63, 2**64, -(2**63) - 1])
SCALARS = st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
ANY = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=8
)
REFERENCES = st.just(REF) | st.fixed_dictionaries({"uri": TEXTS, "cid": TEXTS}, optional={"x": ANY})
USUAL = {
    "$type": st.sampled_from([dataset.collection for dataset in DATASETS.values() if dataset.collection]),
    "createdAt": st.sampled_from(ODD_CREATED),
    "text": TEXTS,
    "langs": st.lists(TEXTS, max_size=3),
    "reply": st.fixed_dictionaries({"root": REFERENCES, "parent": REFERENCES}, optional={"x": ANY}),
    "embed": st.dictionaries(KEYS, ANY, max_size=3),
    "facets": st.lists(
        st.fixed_dictionaries({"features": st.lists(st.dictionaries(KEYS, ANY, max_size=2), max_size=2)})
    ),
    "tags": st.lists(TEXTS, max_size=3),
    "subject": REFERENCES | TEXTS,
    "via": REFERENCES,
    "displayName": TEXTS,
    "did": st.just(ALICE) | TEXTS,
    "active": st.booleans(),
    "seq": INTEGERS,
    "time": st.sampled_from(ODD_CREATED),
}
RECORDS = (
    st.fixed_dictionaries({}, optional={name: usual | ANY for name, usual in USUAL.items()})
    | st.fixed_dictionaries({}, optional=USUAL)
    | st.dictionaries(KEYS, ANY, max_size=5)
    | ANY
)
TIMES = st.integers(NOON_US, NOON_US + 7_200_000_000) | st.sampled_from([0, -5, 2**63, 2**80, NOON_US * 10])
_serial = count(1)


@st.composite
def frames(draw):
    """A frame of any dataset, with its own key."""
    dataset = draw(st.sampled_from(list(DATASETS.values())))
    record, time_us, unique = draw(RECORDS), draw(TIMES), f"did:plc:{next(_serial)}"
    if dataset.name == "accounts":
        body = record if isinstance(record, dict) else {}
        return frame(draw(st.sampled_from(["account", "identity"])), body, unique, time_us, cursor=draw(st.integers(0)))
    operation = draw(st.sampled_from(["create", "update"])) if dataset.name != "deletes" else "delete"
    return commit(dataset.collection or draw(st.sampled_from(["a.b.c", "x/y~"])), record, operation, unique, time_us)


def gathered(strategy, number):
    """Many values at once: each is cheap to make, and a batch of the real flusher is not."""
    values = []
    gather = given(strategy)(lambda value: values.append(value))  # noqa: PLW0108 - hypothesis reads its code
    settings(max_examples=number, phases=[Phase.generate], deadline=None, suppress_health_check=list(HealthCheck))(
        gather
    )()
    return values


@pytest.mark.parametrize("number", [300, pytest.param(5000, marks=pytest.mark.slow)])
def test_any_json_comes_back(lake, number):
    batch = gathered(frames(), number)
    lake.flush(*batch)
    assert not lake.buffer.dead_letters()
    wanted, found = ({canonical(value) for value in values} for values in (map(sent, batch), rebuilt(lake)))
    assert min(wanted - found, key=len, default=None) is None
    assert min(found - wanted, key=len, default=None) is None
