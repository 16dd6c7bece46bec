"""What a reader of single frames can find out about the world."""

import hashlib
import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import datetime
from itertools import islice

import pytest

from ingest import events
from ingest.simulator.world.world import World
from tests.ingest.simulator.sample import POST, SAMPLE, START_US

GO_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}


def test_every_frame_reads_as_an_event_of_its_time(moments):
    for time_us, frame in moments:
        event = events.read(frame)
        assert isinstance(event, events.Event)
        assert (event.time_us, event.seq) == (time_us, None)


def test_every_cid_is_that_of_its_record(commits):
    written = [event["commit"] for event in commits if event["commit"]["operation"] != "delete"]
    assert len(written) > SAMPLE * 0.9
    for commit in written:
        assert events.record_cid(commit["record"]) == commit["cid"]
        assert commit["record"]["$type"] == commit["collection"]


def test_a_delete_has_neither_record_nor_cid(commits):
    deletes = [event["commit"] for event in commits if event["commit"]["operation"] == "delete"]
    assert all(list(commit) == ["rev", "operation", "collection", "rkey"] for commit in deletes)


def test_bytes_are_as_the_servers_encoder_writes_them(moments, parsed):
    """Compact, keys of records sorted, the five characters escaped: so the canonical form is the frame itself."""
    for (_, frame), event in zip(moments, parsed, strict=True):
        body = event[event["kind"]]
        if event["kind"] == "commit" and "record" in body:
            assert list(body) == ["rev", "operation", "collection", "rkey", "record", "cid"]
            body["record"] = json.loads(json.dumps(body["record"], sort_keys=True))
        text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
        for character, escape in GO_ESCAPES.items():
            text = text.replace(character, escape)
        assert list(event) == ["did", "time_us", "kind", event["kind"]]
        assert text.encode() == frame


def test_the_unusual_is_there_too(moments):
    everything = b"\n".join(frame for _, frame in moments)
    for wanted in (
        rb"\u003c",
        rb"\u0026",
        "＃".encode(),
        "\u200d".encode(),
        b'"text":""',
        b"+09:00",
        b"org.example.client",
    ):
        assert wanted in everything


def test_identifiers_are_well_formed(parsed, commits):
    tid = re.compile("[234567abcdefghij][234567abcdefghijklmnopqrstuvwxyz]{12}")
    did = re.compile(r"did:plc:[a-z2-7]{24}|did:web:[a-z0-9.-]+\.example")
    assert all(did.fullmatch(event["did"]) for event in parsed)
    for event in commits:
        commit = event["commit"]
        assert tid.fullmatch(commit["rev"])
        assert re.fullmatch(r"[A-Za-z0-9._:~-]{1,255}", commit["rkey"])


def test_for_one_repository_revs_rise_and_time_does_not_fall(commits):
    latest = defaultdict(lambda: ("", 0))
    for event in commits:
        rev, time_us = latest[event["did"]]
        assert event["commit"]["rev"] > rev
        assert event["time_us"] >= time_us
        latest[event["did"]] = event["commit"]["rev"], event["time_us"]


def test_time_moves_on_evenly(moments):
    for number, (time_us, _) in enumerate(moments):
        assert 0 <= time_us - START_US - int(number * 1e6 / 474) <= 10_000


def test_across_repositories_time_is_not_monotone(moments):
    times = [time_us for time_us, _ in moments]
    assert times != sorted(times)


def test_proportions_are_todays(parsed):
    kinds = Counter()
    for event in parsed:
        commit = event.get("commit")
        kinds[commit["operation"] + " " + commit["collection"].split(".")[-1] if commit else "account"] += 1
        kinds["delete"] += commit is not None and commit["operation"] == "delete"
    expected = {
        "create like": 60, "create post": 12, "create repost": 10, "create follow": 6, "delete": 5, "account": 1.4,
        "delete post": 1.2, "create block": 0.8, "update profile": 1.0, "update post": 0.2,
    }  # fmt: skip
    for kind, percent in expected.items():
        assert kinds[kind] / SAMPLE * 100 == pytest.approx(percent, rel=0.1, abs=0.2), kind


def test_all_record_types_occur(commits):
    collections = {event["commit"]["collection"] for event in commits}
    assert collections >= {
        "app.bsky.feed.like", "app.bsky.feed.repost", POST, "app.bsky.feed.threadgate", "app.bsky.feed.postgate",
        "app.bsky.feed.generator", "app.bsky.graph.follow", "app.bsky.graph.block", "app.bsky.graph.list",
        "app.bsky.graph.listitem", "app.bsky.graph.listblock", "app.bsky.graph.starterpack", "app.bsky.actor.profile",
        "app.bsky.actor.status", "place.simulated.checkin", "org.example.music.play", "com.example.poll.vote",
    }  # fmt: skip


def test_frames_are_of_real_size(moments):
    assert 480 < sum(len(frame) for _, frame in moments) / SAMPLE < 570


def test_facets_cover_exactly_their_bytes(posts):
    seen = Counter()
    for post in posts:
        text = post["text"].encode()
        for facet in post.get("facets", []):
            covered = text[facet["index"]["byteStart"] : facet["index"]["byteEnd"]].decode()
            feature = facet["features"][0]
            kind = feature["$type"].partition("#")[2]
            seen[kind] += 1
            if kind == "tag":
                assert covered in ("#" + feature["tag"], "＃" + feature["tag"])
            elif kind == "mention":
                assert covered.startswith("@")
            else:
                assert covered.removesuffix("...") in feature["uri"]
    assert set(seen) == {"tag", "mention", "link"}
    assert min(seen.values()) > 50


def test_embeds_of_all_kinds_hang_on_posts(posts):
    kinds = Counter(post.get("embed", {}).get("$type", "none").split(".")[-1] for post in posts)
    assert set(kinds) == {"none", "images", "video", "gallery", "external", "record", "recordWithMedia"}
    assert kinds["none"] / len(posts) == pytest.approx(0.58, abs=0.05)


def test_languages_scripts_and_labels(posts):
    assert sum("langs" not in post for post in posts) / len(posts) == pytest.approx(0.13, abs=0.02)
    languages = {language for post in posts for language in post.get("langs", [])}
    assert languages >= {"en", "ja", "pt", "pt-BR", "de", "es", "ko", "ar", "th", "zh"}
    assert any("labels" in post for post in posts)
    assert any("tags" in post for post in posts)


def test_some_words_are_rare(posts):
    words = Counter(word for post in posts for word in post["text"].split())
    assert sum(count == 1 for count in words.values()) > 700
    assert words.most_common(1)[0][1] > 200


def test_created_at_is_mostly_near_and_sometimes_years_ago(commits):
    records = [event["commit"] for event in commits if "record" in event["commit"]]
    years = Counter(datetime.fromisoformat(commit["record"]["createdAt"]).year for commit in records)
    assert years[2026] + years[2027] > 0.98 * len(records)
    assert min(years) < 2022


def test_few_people_do_much(commits):
    by_person = Counter(event["did"] for event in commits).most_common()
    assert sum(count for _, count in by_person[:20]) > 0.05 * len(commits)
    assert len(by_person) > 700


def test_the_same_seed_gives_the_same_bytes_in_another_process(moments):
    script = (
        "import sys; from itertools import islice; from hashlib import sha256\n"
        "from ingest.simulator.world.world import World\n"
        f"world = World(7, {START_US}, 474, 2_000)\n"
        "print(sha256(b''.join(frame for _, frame in islice(world, 5_000))).hexdigest())"
    )
    expected = hashlib.sha256(b"".join(frame for _, frame in moments[:5_000])).hexdigest()
    for hash_seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            env={"PYTHONHASHSEED": hash_seed},
            check=True,
        )
        assert run.stdout.strip() == expected


def test_another_seed_gives_other_people(moments):
    others = {json.loads(frame)["did"] for _, frame in islice(World(8, START_US, 474, 2_000), 5_000)}
    assert not others & {json.loads(frame)["did"] for _, frame in moments[:5_000]}


@pytest.mark.parametrize("users", [1, 2, 5])
def test_a_tiny_world_goes_on(users):
    assert len(list(islice(World(3, START_US, 1e6, users), 3_000))) == 3_000
