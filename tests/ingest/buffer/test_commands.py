"""Commands as bytes: what a library packs, byte for byte."""

import hashlib

import hiredis
from hypothesis import given
from hypothesis import strategies as st

from ingest.buffer import commands
from ingest.buffer.commands import DEAD_LETTER_HEAD
from ingest.events import Drop, DropReason


@given(st.lists(st.binary(max_size=50), min_size=1, max_size=9))
def test_a_command_is_packed_as_hiredis_does(words):
    assert commands.command(*words) == hiredis.pack_command(tuple(words))


@given(st.binary(max_size=2_000), st.binary(max_size=80))
def test_an_append_is_packed_as_hiredis_does(frame, cursor):
    expected = hiredis.pack_command((b"XADD", b"buffer", b"*", b"f", frame, b"c", cursor))
    assert commands.append_event(frame, cursor) == expected


def test_a_dead_letter_keeps_the_head_and_the_whole_frame_s_length_and_hash():
    frame = bytes(range(256)) * 20
    fields = (b"reason", b"not_json", b"length", b"5120", b"sha256", hashlib.sha256(frame).hexdigest().encode())
    head = (b"XADD", b"dead_letters", b"MAXLEN", b"10000", b"*")
    expected = hiredis.pack_command((*head, *fields, b"head", frame[:DEAD_LETTER_HEAD]))
    assert commands.dead_letter(Drop(frame, DropReason.NOT_JSON)) == expected


def test_totals_count_frames_and_drops_by_reason_and_no_zeros():
    drops = [Drop(b"", DropReason.NOT_JSON), Drop(b"", DropReason.NOT_JSON), Drop(b"", DropReason.POISON)]
    counts = {"dropped:not_json": 2, "dropped:poison": 1}
    packed = {hiredis.pack_command(("HINCRBY", "totals", name, number)) for name, number in counts.items()}
    assert set(commands.add_totals(0, drops)) == packed
    assert commands.add_totals(5, []) == [hiredis.pack_command(("HINCRBY", "totals", "received", 5))]
