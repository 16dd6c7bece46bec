"""What is asked of the lake each day, the same every time: five classes of pages and two of counts."""

import http.client
import json
import time
from collections.abc import Sequence
from contextlib import closing
from statistics import quantiles
from typing import Any, NamedTuple
from urllib.parse import urlencode

from ingest.simulator.world.vocabulary import LANGUAGES, words

EACH = 20  # questions of a class, all different: an answer that is kept would say nothing
TIMEOUT_SECONDS = 60


class Latency(NamedTuple):
    """Milliseconds."""

    p50: float
    p95: float
    most: float


def classes(dids: Sequence[str]) -> dict[str, list[dict[str, str]]]:
    """The parameters of each question, by class. `dids`: EACH authors."""
    english, numbers = words(0), range(EACH)
    rare = [{"text": english[12_000 + 100 * number]} for number in numbers]
    authors = [{"did": did} for did in dids]
    languages = [number for number in range(1, len(LANGUAGES)) if LANGUAGES[number].space]
    spoken = [languages[number % len(languages)] for number in numbers]
    page, count = {"total": "false"}, {"total": "true", "limit": "1"}
    return {
        "page: a common word": [{"text": english[20 + number]} | page for number in numbers],
        "page: a rare word": [one | page for one in rare],
        "page: a phrase": [{"text": f'"{english[number]} {english[number + 1]}"'} | page for number in numbers],
        "page: an author": [one | page for one in authors],
        "page: a word and a language": [
            {"text": words(language)[30 + number], "lang": LANGUAGES[language].tags[0]} | page
            for number, language in enumerate(spoken)
        ],
        "count: a rare word": [one | count for one in rare],
        "count: an author": [one | count for one in authors],
    }


def ask(port: int, dids: Sequence[str]) -> dict[str, Latency]:
    return {name: _latency([_milliseconds(port, one) for one in asked]) for name, asked in classes(dids).items()}


def count(port: int) -> int:
    """All posts that show."""
    return int(_answer(port, {"total": "true", "limit": "1"})["meta"]["total"])


def _milliseconds(port: int, question: dict[str, str]) -> float:
    began = time.monotonic()
    _answer(port, question)
    return (time.monotonic() - began) * 1000


def _answer(port: int, question: dict[str, str]) -> dict[str, Any]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)) as client:
        client.request("GET", f"/search?{urlencode(question)}")
        answer = client.getresponse()
        body: dict[str, Any] = json.loads(answer.read())
        assert answer.status == 200, body
        return body


def _latency(milliseconds: list[float]) -> Latency:
    shares = quantiles(milliseconds, n=20, method="inclusive")
    return Latency(shares[9], shares[18], max(milliseconds))
