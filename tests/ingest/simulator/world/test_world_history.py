"""What a reader who remembers finds out about the world: what points where, what comes back, who is silent."""

import re
from collections import Counter

import pytest

from tests.ingest.simulator.sample import SAMPLE, is_post, uri


def test_replies_and_likes_point_at_versions_that_exist(parsed):
    """Each strongRef names a URI and a CID that came before; a reply names the root of its thread."""
    versions, roots, replies = set(), {}, 0
    for event in parsed:
        commit = event.get("commit")
        if commit is None or "record" not in commit:
            continue
        record = commit["record"]
        reply = record.get("reply")
        if reply:
            replies += commit["operation"] == "create"
            assert (reply["parent"]["uri"], reply["parent"]["cid"]) in versions
            assert reply["root"]["uri"] == roots[reply["parent"]["uri"]]
        if isinstance(record.get("subject"), dict):
            assert (record["subject"]["uri"], record["subject"]["cid"]) in versions
        if "via" in record:
            assert (record["via"]["uri"], record["via"]["cid"]) in versions
        versions.add((uri(event), commit["cid"]))
        if is_post(event):
            roots[uri(event)] = reply["root"]["uri"] if reply else uri(event)
    assert replies / SAMPLE == pytest.approx(0.12 * 0.45, abs=0.006)


def test_what_is_deleted_or_changed_existed_and_some_of_it_comes_back(commits):
    alive, dead, back = set(), set(), 0
    for event in commits:
        operation, key = event["commit"]["operation"], uri(event)
        if operation == "delete":
            assert key in alive
            alive.discard(key)
            dead.add(key)
        elif operation == "create":
            assert key not in alive
            back += key in dead
            alive.add(key)
        elif is_post(event):
            assert key in alive
    assert back > 5


def test_who_is_away_is_silent_and_some_return(parsed):
    away, returned, states = {}, 0, Counter()
    for event in parsed:
        if event["kind"] == "account":
            account = event["account"]
            states[account.get("status")] += 1
            if account["active"]:
                returned += away.pop(event["did"], None) is not None
            else:
                away[event["did"]] = account["status"]
        elif event["kind"] == "commit":
            assert event["did"] not in away
    assert set(states) == {None, "deactivated", "deleted", "takendown", "suspended", "desynchronized", "throttled"}
    assert returned > 1


def test_account_events_count_upwards_and_name_handles(parsed):
    bodies = [event[event["kind"]] | {"of": event["did"]} for event in parsed if event["kind"] != "commit"]
    assert all(body["did"] == body["of"] for body in bodies)
    seqs = [body["seq"] for body in bodies]
    assert seqs == sorted(set(seqs))
    handles = [body["handle"] for body in bodies if "handle" in body]
    assert handles
    assert all(re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)*\.example", handle) for handle in handles)
