"""The chart of batches: one bar for each, in proportion, and hostile or odd values harm nothing."""

import re
from datetime import timedelta
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from lake.adminpages.batch_chart import HEIGHT, Bar, chart
from tests.lake.compact.compacting import NOON


def bar(rows, seconds=1.0, failed=False, url="/b"):
    return Bar(NOON, rows, seconds, failed, url)


def heights(svg):
    return [float(height) for height in re.findall(r'height="([\d.]+)"', svg)]


def test_without_batches_there_is_no_chart():
    assert chart([]) == ""


def test_bars_are_in_proportion_and_say_what_they_are():
    svg = chart([bar(50, 4), bar(100, 2)])
    assert heights(svg) == [HEIGHT / 2, HEIGHT, HEIGHT, HEIGHT / 2]
    assert "<title>2026-07-01 12:00:00 UTC: 100 rows in 2.00 s</title>" in svg
    assert "rows written, at most 100" in svg


def test_a_failed_batch_is_seen():
    svg = chart([bar(100), bar(0, failed=True)])
    assert heights(svg)[:2] == [HEIGHT, HEIGHT]
    assert 'class="failed"' in svg
    assert "1 of them failed" in svg


def test_what_is_in_it_is_escaped():
    assert "<script>" not in chart([bar(1, url='"><script>')])


@given(st.lists(st.tuples(st.integers(0, 10**12), st.floats(0, 10**6), st.booleans()), min_size=1, max_size=120))
def test_it_is_well_formed_for_any_batches(batches):
    bars = [Bar(NOON + timedelta(minutes=n), *batch, f"/b/{n}") for n, batch in enumerate(batches)]
    root = ET.fromstring(chart(bars))
    assert len(root.findall(".//rect")) == 2 * len(bars)
    assert all(0 <= float(rect.get("y")) and 0 <= float(rect.get("height")) <= HEIGHT for rect in root.iter("rect"))
