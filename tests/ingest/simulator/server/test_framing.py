import pytest
from websockets.frames import Frame, Opcode

from ingest.simulator.server.framing import pack, pack_texts


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
@pytest.mark.parametrize("text", [True, False])
def test_packed_frames_are_those_of_the_library(length, text):
    payload = b"x" * length
    expected = Frame(Opcode.TEXT if text else Opcode.BINARY, payload).serialize(mask=False)
    assert pack([(payload, text)]) == expected
    if text:
        assert pack_texts([payload, payload]) == expected * 2
