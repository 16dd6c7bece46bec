"""What the page is made of, without a server: URLs, chips, marks, bars, reasons, lines to copy."""

import subprocess
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.search import chart, empty
from explorer.search.address import Address
from explorer.search.form import LAST, chips, form, since
from explorer.search.hits import pieces, short_did, to_hit
from explorer.search.recipes import recipes

NOON = datetime(2026, 7, 1, 12, 0, 30, tzinfo=UTC)
ADDRESS = Address.of({"text": ["lake"], "lang": ["ja", "-en"], "page": ["3"], "has": ["image"], "end": [""]})
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def query(url):
    return parse_qsl(urlsplit(url).query, keep_blank_values=True)


@given(st.lists(st.tuples(TEXTS.filter(bool), TEXTS), max_size=5))
def test_an_address_comes_back_from_its_url(pairs):
    address = Address.of({name: [text for other, text in pairs if other == name] for name, _ in pairs})
    assert query(address.at()) == address.pairs


def test_another_question_begins_at_page_one_and_keeps_the_rest():
    assert query(ADDRESS.having(sort="oldest").at()) == [
        *(("text", "lake"), ("lang", "ja"), ("lang", "-en"), ("has", "image"), ("sort", "oldest")),
    ]
    assert ADDRESS.having(text="", lang="").at() == "/?has=image"
    assert Address.of({}).at() == "/"


def test_a_value_is_included_or_excluded_but_never_both():
    assert ADDRESS.including("lang", "en").all("lang") == ("ja", "en")
    assert ADDRESS.excluding("lang", "ja").all("lang") == ("-en", "-ja")
    assert ADDRESS.removing("lang", "-en").all("lang") == ("ja",)


def test_each_condition_is_a_chip_with_a_way_out():
    found = [(chip.name, chip.value, chip.excludes) for chip in chips(ADDRESS)]
    assert found == [("language", "Japanese (ja)", False), ("language", "English (en)", True), ("has", "image", False)]
    assert all(("lang", "ja") not in query(chip.href) for chip in chips(ADDRESS) if chip.value == "Japanese (ja)")


def test_the_form_keeps_what_has_no_field():
    shown = form(ADDRESS)
    assert shown["hidden"] == [("lang", "ja"), ("lang", "-en")]
    assert [tick.value for tick in shown["has"] if tick.checked] == ["image"]
    assert shown["start_type"] == "date"
    assert form(ADDRESS.having(start="2026-07-01T12:00:00Z"))["start_type"] == "text"


@pytest.mark.parametrize("last", LAST)
def test_the_last_hours_begin_at_a_minute(last):
    assert datetime.fromisoformat(since(last, NOON)) == NOON.replace(second=0) - LAST[last][1]


@given(TEXTS, st.lists(st.tuples(st.integers(-5, 40), st.integers(-5, 40))))
def test_marks_change_no_text(text, matches):
    found = pieces(text, matches)
    assert "".join(piece.text for piece in found) == text
    assert all(piece.text for piece in found)


def test_marks_count_code_points():
    assert pieces("👩‍🚀 lake 👍", [(4, 8)]) == [("👩‍🚀 ", False), ("lake", True), (" 👍", False)]


def test_only_links_of_the_web_are_followed():
    row = {"id": "at://d/p/r", "did": "did:plc:abcdefghijklmnop", "username": None, "timestamp": None, "seen_at": "s"}
    urls = [
        "https://a.example/x",
        "javascript:alert(1)",
        "data:text/html,x",
        "http://[",
        "//b.example",
        "HTTP://c.example",
    ]
    hit = to_hit({**row, "text": "see c.example", "links": urls})
    assert [link.url for link in hit.links] == ["https://a.example/x", "", "", "", ""]
    assert hit.more_links == 0  # the last is in the text
    assert hit.name == "did:plc:abcd…mnop" == short_did(row["did"])
    assert to_hit({**row, "subject": "at://x"}).cells == {"subject": "at://x"}


@pytest.mark.parametrize(
    ("hours", "clock", "by"),
    [
        (2, "seen", "minute"),
        (24, "seen", "hour"),
        (24 * 30, "seen", "day"),
        (24 * 900, "seen", "week"),
        (2, "created", "day"),
    ],
)
def test_bars_are_as_wide_as_the_window_wants(hours, clock, by):
    assert chart.width((NOON - timedelta(hours=hours), NOON), clock) == by


def test_a_bar_knows_its_share_and_narrows_to_itself():
    rows = [
        {"start": "2026-07-01T12:00:00.000000Z", "hits": 5, "all": 200},
        {"start": "2026-07-01T13:00:00Z", "hits": 0, "all": 0},
    ]
    first, second = chart.bars(rows, "hour", ADDRESS)
    assert (first.share, second.share) == (2.5, 0.0)
    dates = {"start": "2026-07-01T12:00:00Z", "end": "2026-07-01T13:00:00Z"}
    assert dates.items() <= dict(query(first.href)).items()
    assert chart.summary([first, second])["peak"] == first
    assert chart.summary([]) == {"hits": 0, "all": 0, "share": 0.0, "peak": None}


def test_gaps_lie_where_they_are_and_can_be_seen():
    covered = {"start": "2026-07-01T00:00:00Z", "end": "2026-07-11T00:00:00Z"}
    gaps = [
        {"start": "2026-07-02T00:00:00Z", "end": "2026-07-04T00:00:00Z"},
        {"start": "2026-07-10T23:59:00Z", "end": "2026-07-11T00:00:00Z"},
    ]
    assert chart.segments({**covered, "gaps": gaps}) == [(100.0, 200.0), (998.0, 2.0)]
    assert chart.segments({"start": None}) == []


SPAN = (NOON - timedelta(days=2), NOON)
FULL = {"minutes": 10, "minutes_with_data": 10}


@pytest.mark.parametrize(
    ("hidden", "covered", "span", "words"),
    [
        (0, FULL, None, "Nothing has been collected"),
        (1, FULL, SPAN, "1 post matches and is not shown"),
        (3, FULL, SPAN, "3 posts match and are not shown"),
        (
            0,
            {"minutes": 0, "minutes_with_data": 0},
            SPAN,
            "no data in these dates. What is here was seen from 2026-06-29",
        ),
        (0, {"minutes": 10, "minutes_with_data": 7}, SPAN, "3 of the 10 minutes"),
    ],
)
def test_an_empty_page_says_why(hidden, covered, span, words):
    assert words in " ".join(empty.reasons(hidden, covered, span))


def test_an_empty_page_says_what_to_try():
    ways = empty.advice(
        Address.of({"text": ["a or b"], "start": ["2026-07-01"], "end": ["2026-07-02"], "lang": ["ja"]})
    )
    assert query(ways[0].href)[0] == ("text", "a OR b")
    assert [way.label for way in ways] == [
        *("with any of the words", "without dates", "without “from 2026-07-01”", "without “until 2026-07-02”"),
        "without “language Japanese (ja)”",
    ]
    assert empty.advice(Address.of({"text": ['"a b"'], "exact": ["true"], "clock": ["created"]}))[0].label.startswith(
        "without “exact"
    )


def test_the_lines_to_copy_are_safe_to_paste():
    address = Address.of({"text": ['it\'s `id` $(id) "x" \\'], "has": ["image"]})
    found = {recipe.name: recipe.lines for recipe in recipes(address.at("http://localhost/export"), needs_key=False)}
    line = found["curl"].replace("curl --fail --output bluesky.csv", "printf %s")
    assert (
        subprocess.run(["sh", "-c", line], capture_output=True, text=True).stdout
        == address.at("http://localhost/export") + "&format=csv"
    )
    compile(found["Python, pandas"], "recipe", "exec")
    with_key = recipes("http://localhost/export", needs_key=True)
    assert all("X-API-Key" in recipe.lines for recipe in with_key)
    assert "/export?format=csv" in with_key[0].lines
