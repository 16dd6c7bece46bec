"""Frames with defaults, so that a test shows only what matters to it. Records get their real CIDs."""

import json
from contextlib import suppress
from itertools import count

from ingest.events import record_cid

ALICE = "did:plc:aliceaaaaaaaaaaaaaaaaaaa"
BOB = "did:plc:bobbbbbbbbbbbbbbbbbbbbbbb"
NOON_US = 1_782_907_200_000_000  # 2026-07-01T12:00:00Z
POST = "app.bsky.feed.post"

_serial = count()
_ALPHABET = "234567abcdefghijklmnopqrstuvwxyz"


def tid(us, clock=0):
    """The TID of a moment."""
    number = us << 10 | clock
    return "".join(_ALPHABET[number >> shift & 31] for shift in range(60, -1, -5))


def frame(kind, body, did=ALICE, time_us=NOON_US, **extra):
    return json.dumps({"did": did, "time_us": time_us, "kind": kind, kind: body, **extra}, ensure_ascii=False).encode()


def commit(collection, record=None, operation="create", did=ALICE, time_us=None, rkey=None, rev=None, **extra):
    """A commit frame; each call without time_us is a millisecond after the one before. A record that has no CID,
    because DAG-CBOR can't hold it, is sent without one."""
    time_us = NOON_US + next(_serial) * 1000 if time_us is None else time_us
    body = {"rev": rev or tid(abs(time_us) % 2**53), "operation": operation, "collection": collection}
    body["rkey"] = rkey or tid(abs(time_us) % 2**53)
    if operation != "delete":
        body["record"] = record
        with suppress(ValueError):
            body["cid"] = record_cid(record)
    return frame("commit", body, did, time_us, **extra)


def post(text="hello lake", operation="create", did=ALICE, time_us=None, rkey=None, rev=None, **fields):
    record = {"$type": POST, "createdAt": "2026-07-01T11:59:59.123Z", "langs": ["en"], "text": text, **fields}
    return commit(POST, record, operation, did, time_us, rkey, rev)


def delete(rkey, collection=POST, did=ALICE, time_us=None, rev=None):
    return commit(collection, None, "delete", did, time_us, rkey, rev)


def like(subject_uri, did=ALICE, **fields):
    record = {
        "$type": "app.bsky.feed.like",
        "createdAt": "2026-07-01T11:59:59.123Z",
        "subject": {"cid": record_cid({"some": "post"}), "uri": subject_uri},
        **fields,
    }
    return commit("app.bsky.feed.like", record, did=did)


def account(active, status=None, did=ALICE, time_us=None, seq=1, time="2026-07-01T11:59:59.000Z"):
    body = {"active": active, "did": did, "seq": seq, "time": time}
    if status:
        body["status"] = status
    return frame("account", body, did, NOON_US + next(_serial) * 1000 if time_us is None else time_us)


def identity(handle=None, did=ALICE, time_us=None, seq=1, time="2026-07-01T11:59:59.000Z"):
    body = {"did": did, "seq": seq, "time": time, **({"handle": handle} if handle else {})}
    return frame("identity", body, did, NOON_US + next(_serial) * 1000 if time_us is None else time_us)


def key(raw):
    """What makes the event of a frame the same one, however often it comes: what the lake must hold exactly once."""
    event = json.loads(raw)
    if event["kind"] == "commit":
        c = event["commit"]
        return event["did"], c["collection"], c["rkey"], c["rev"], c["operation"]
    return event["did"], event["kind"], event[event["kind"]].get("seq")
