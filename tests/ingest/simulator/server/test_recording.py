import pytest

from ingest.simulator.server.recording import BadRecording, recorded


def test_frames_come_back_byte_for_byte(tmp_path):
    path = tmp_path / "recording.ndjson"
    path.write_bytes(b'{"time_us": 3,  "x":1}\r\n{"x":"\xe6\xb9\x96","time_us":1}\n')
    assert list(recorded(path)) == [(3, b'{"time_us": 3,  "x":1}'), (1, b'{"x":"\xe6\xb9\x96","time_us":1}')]


@pytest.mark.parametrize("line", [b"junk", b"", b"{}", b'{"time_us":"x"}'])
def test_a_line_that_is_no_event_is_named(tmp_path, line):
    path = tmp_path / "recording.ndjson"
    path.write_bytes(b'{"time_us":3}\n' + line + b"\n")
    with pytest.raises(BadRecording, match=r"recording\.ndjson, line 2 is not an event"):
        recorded(path)


def test_an_empty_file_is_refused(tmp_path):
    path = tmp_path / "recording.ndjson"
    path.touch()
    with pytest.raises(BadRecording, match="holds no events"):
        recorded(path)
