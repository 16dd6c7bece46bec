"""Faults as a reader meets them: what was asked for fires, and the log stays true."""

import json
import time

import pytest

from ingest.simulator.server.faults import Faults
from ingest.simulator.server.jetstream import Options
from ingest.simulator.server.server import running
from tests.ingest.simulator.server.wire_client import FRAMES, SECONDS, SILENCE, frame, subscribe, take, take_until_cut


def test_drop_every_cuts_again_and_again_and_replay_gets_everything():
    got, cursor = [], 0
    with running(FRAMES, faults=Faults(drop_every=300)) as server:
        for _ in range(3):
            with subscribe(server, f"?cursor={cursor}") as client:
                got += take_until_cut(client)
            cursor = json.loads(got[-1])["time_us"]
        with subscribe(server, f"?cursor={cursor}") as client:
            got += take(client, 101)
        assert server.fired["drop_every"] == 3
    assert list(dict.fromkeys(got)) == FRAMES


def test_drop_replay_cuts_the_first_replays_only():
    with running(FRAMES, faults=Faults(drop_replay=2)) as server, subscribe(server) as client:
        take(client, 1_000)
        for _ in range(2):
            with subscribe(server, "?cursor=0") as again:
                assert take_until_cut(again) == FRAMES[:500]
        with subscribe(server, "?cursor=0") as again:
            assert take(again, 1_000) == FRAMES
        assert server.fired == {"drop_replay": 2}


def test_junk_and_cut_frames_come_in_between():
    with running(FRAMES, faults=Faults(junk_every=100, cut_every=100)) as server, subscribe(server) as client:
        got = take(client, 1_020)
        assert [one for one in got if one in set(FRAMES)] == FRAMES
        assert server.fired == {"junk_every": 10, "cut_every": 10}


def test_windows_come_again():
    with running(FRAMES, faults=Faults(repeat_window=10, seed=1)) as server, subscribe(server) as client:
        got = [client.recv(SECONDS, decode=False)]
        while got[-1] != FRAMES[-1]:
            got.append(client.recv(SECONDS, decode=False))
        assert list(dict.fromkeys(got)) == FRAMES
        assert len(got) > 1_000
        assert server.fired["repeat_window"] > 0


def test_reordered_events_are_all_there():
    frames = [frame(number, did=f"did:plc:{number % 50}") for number in range(1_000)]
    with running(frames, faults=Faults(reorder=True)) as server, subscribe(server) as client:
        got = take(client, 1_000)
        assert got != frames
        assert sorted(got) == sorted(frames)
        assert server.fired["reorder"] > 0


def test_a_stall_is_silent_even_to_pings():
    faults = Faults(stall_seconds=0.6, stall_every=10)
    with running(FRAMES[:11], faults=faults, options=Options(port=0, ping_interval=0.1)) as server:
        with subscribe(server) as client:
            take(client, 10)
            pong, began = client.ping(), time.monotonic()
            with pytest.raises(TimeoutError):
                client.recv(SILENCE)
            assert not pong.is_set()
            assert take(client, 1) == [FRAMES[10]]
            assert time.monotonic() - began > 0.4
            assert pong.wait(SECONDS)
        assert server.fired == {"stall_every": 1}


def test_drop_cuts_all_connections():
    with running(FRAMES) as server, subscribe(server) as one, subscribe(server, "?cursor=0") as other:
        take(one, 1_000)
        server.drop()
        for client in (one, other):
            take_until_cut(client)
