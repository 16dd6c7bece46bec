"""The line under make demo: what the processes say of themselves, and "-" for what they don't."""

import json

import pytest

from deploy.local.health_watch import HealthWatch, faults
from deploy.local.live_line import Reading, fetch, parse, read, text, total

CONSUMER = """
# HELP ingest_frames_received_total Frames.
# TYPE ingest_frames_received_total counter
ingest_frames_received_total 123456.0
ingest_frames_received_created 1.7e9
ingest_buffer_depth 4321.0
ingest_lag_seconds{stage="received"} 0.25
"""
FLUSHER = """
lake_rows_written_total{dataset="posts"} 1000.0
lake_rows_written_total{dataset="likes"} 1.9e+04
lake_lag_seconds{stage="searchable"} 5.24
lake_lag_seconds{stage="buffer"} 99.0 1700000000000
"""


def test_values_are_summed_over_their_labels():
    assert total(parse(FLUSHER), "lake_rows_written_total") == 20_000


def test_a_label_narrows():
    assert total(parse(FLUSHER), "lake_lag_seconds", 'stage="searchable"') == 5.24


def test_a_missing_series_is_unknown_and_not_zero():
    assert total(parse(FLUSHER), "ingest_buffer_depth") is None


def test_a_process_that_is_not_there_has_no_metrics():
    assert fetch(1) == {}


def test_the_line_of_a_running_service():
    now = read(parse(CONSUMER), parse(FLUSHER))
    assert text(now, Reading(received=121_456), seconds=1.0) == (
        "received 123,456 (2,000/s), buffered 4,321, flushed 20,000, lag 5.2 s (received 0.2 s)"
    )


def test_what_is_wrong_comes_first_in_words():
    body = {"stream": {"ok": False, "message": "no frame for 35 s"}, "lake": {"ok": True, "message": "mounted"}}
    said = faults(json.dumps({"ready": True, "components": body}).encode())
    assert text(Reading(), Reading(), 1.0, said).startswith("stream: no frame for 35 s | received -")


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b'{"error": {}}', b'{"components": 7}', b"<html>"])
def test_an_answer_that_says_nothing_of_the_components_is_the_fault_of_the_web_process(body):
    assert faults(body).startswith("web: does not say")


def test_a_web_process_that_does_not_answer_is_named():
    assert HealthWatch(1, "localhost").ask().startswith("web: does not answer")


def test_the_line_before_anything_answers():
    line = text(Reading(), Reading(), seconds=1.0)
    assert line == "received - (-/s), buffered -, flushed -, lag - (received -)"


def test_a_restarted_consumer_has_no_negative_rate():
    assert "(0/s)" in text(Reading(received=10), Reading(received=5000), seconds=1.0)
