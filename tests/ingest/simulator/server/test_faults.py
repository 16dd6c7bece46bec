import json
from collections import Counter, deque

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.simulator.server.faults import Drop, FaultInjector, Faults, Stall


def event(number, did="did:plc:a", time_us=None):
    return number, json.dumps({"did": did, "time_us": number if time_us is None else time_us, "n": number}).encode()


def run(faults, events, injector=None, cut_at=None):
    """All steps, with the payloads of messages."""
    injector = injector or FaultInjector(faults)
    steps = []
    for step in injector.steps(events, deque(maxlen=1_000), cut_at):
        steps += [message.payload for message in step] if isinstance(step, list) else [step]
    return steps, injector.fired


EVENTS = [event(number) for number in range(100)]
FRAMES = [frame for _, frame in EVENTS]


def test_without_faults_the_log_is_what_is_sent():
    assert run(Faults(), EVENTS) == (FRAMES, Counter())
    assert not Faults(seed=5).any()
    assert Faults(reorder=True).any()


def test_drop_every_comes_after_so_many_new_events():
    injector = FaultInjector(Faults(drop_every=30))
    steps, fired = run(None, EVENTS, injector)
    assert steps == [*FRAMES[:30], Drop()]
    again, fired = run(None, EVENTS[20:], injector)
    assert again == [*FRAMES[20:60], Drop()], "what had been sent before does not count again"
    assert fired["drop_every"] == 2


def test_drop_replay_comes_in_the_middle_and_only_so_often():
    injector = FaultInjector(Faults(drop_replay=1))
    cut_at = injector.cut_replay(10, 90)
    steps, fired = run(None, EVENTS[10:], injector, cut_at)
    assert steps == [*FRAMES[10:50], Drop()]
    assert fired["drop_replay"] == 1
    assert injector.cut_replay(10, 90) is None


@pytest.mark.parametrize("end", [5, 6])
def test_a_replay_of_almost_nothing_has_no_middle(end):
    assert FaultInjector(Faults(drop_replay=1)).cut_replay(5, end) is None


def test_a_window_comes_again_as_it_was():
    events = [event(number) for number in range(1_000)]
    steps, fired = run(Faults(repeat_window=20), events)
    assert fired["repeat_window"] > 0
    assert len(steps) > 1_000
    assert list(dict.fromkeys(steps)) == [frame for _, frame in events]
    assert max(Counter(steps).values()) >= 2


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 3_000_000)), max_size=60), st.integers())
def test_reorder_mixes_within_a_second_and_keeps_each_dids_order(happenings, seed):
    happenings.sort(key=lambda happening: happening[1])
    events = [event(number, did, time_us) for number, (did, time_us) in enumerate(happenings)]
    steps, _ = run(Faults(reorder=True, seed=seed), events)
    assert sorted(steps) == sorted(frame for _, frame in events)
    latest, highest = {}, 0
    for frame in map(json.loads, steps):
        assert frame["n"] > latest.get(frame["did"], -1)
        assert frame["time_us"] > highest - 1_000_000
        latest[frame["did"]], highest = frame["n"], max(highest, frame["time_us"])


def test_reorder_fires():
    steps, fired = run(Faults(reorder=True), [event(number, f"did:plc:{number}") for number in range(50)])
    assert fired["reorder"] == 1
    assert steps != FRAMES[:50]


def test_a_stall_stands_between_events():
    steps, fired = run(Faults(stall_seconds=3, stall_every=40), EVENTS)
    assert steps[40] == Stall(3)
    assert [step for step in steps if step != Stall(3)] == FRAMES
    assert fired["stall_every"] == 2


def test_junk_is_of_each_kind_and_the_events_stay():
    steps, fired = run(Faults(junk_every=10), EVENTS)
    junk = [step for step in steps if step not in FRAMES]
    assert len(junk) == fired["junk_every"] == 10
    assert len(set(junk)) == 4
    assert [step for step in steps if step in FRAMES] == FRAMES


def test_a_cut_frame_comes_before_the_whole_one_and_is_text():
    frame = '{"text":"湖の水湖の水湖の水湖"}'.encode()
    steps, fired = run(Faults(cut_every=1), [(0, frame)])
    cut, whole = steps
    assert whole == frame
    assert frame.startswith(cut)
    assert len(frame) / 2 - 4 < len(cut.decode().encode()) < len(frame)
    assert fired["cut_every"] == 1


def test_the_same_seed_makes_the_same_trouble():
    faults = Faults(repeat_window=10, reorder=True, junk_every=7, seed=3)
    assert run(faults, EVENTS) == run(faults, EVENTS)
