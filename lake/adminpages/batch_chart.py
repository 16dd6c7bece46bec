"""The latest batches as two rows of bars, in SVG that needs no script and no inline style. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT, GAP = 960, 90, 26  # of one row of bars; GAP: room for its title
MOST = 120  # batches


class Bar(NamedTuple):
    """One batch. `url`: of its own page."""

    started_at: datetime
    rows: int
    seconds: float
    failed: bool
    url: str

    def __str__(self) -> str:
        outcome = "failed" if self.failed else f"{self.rows:,} rows"
        return f"{self.started_at:%Y-%m-%d %H:%M:%S} UTC: {outcome} in {self.seconds:,.2f} s"


def chart(bars: Sequence[Bar]) -> SafeString:
    """Oldest first; empty for no batches."""
    if not bars:
        return SafeString("")
    most_rows, most_seconds = max(bar.rows for bar in bars), max(bar.seconds for bar in bars)
    span = f"{bars[0].started_at:%Y-%m-%d %H:%M} to {bars[-1].started_at:%Y-%m-%d %H:%M} UTC"
    # A failed batch has no rows: there its bar has the full height, so that it is seen.
    seen = [most_rows or 1 if bar.failed else bar.rows for bar in bars]
    rows = _row(bars, seen, f"rows written, at most {most_rows:,}", 0)
    seconds = _row(bars, [bar.seconds for bar in bars], f"seconds, at most {most_seconds:,.2f}", HEIGHT + GAP)
    failed = sum(bar.failed for bar in bars)
    summary = f"The latest {len(bars):,} batches, {span}" + (f", {failed:,} of them failed (red)" if failed else "")
    # For the eye alone: the caption and the list below it say the same to who listens.
    return format_html(
        '<figure class="batches"><figcaption>{}</figcaption>'
        '<svg viewBox="0 0 {} {}" aria-hidden="true">{}{}</svg></figure>',
        *(summary, WIDTH, 2 * (HEIGHT + GAP), rows, seconds),
    )


def _row(bars: Sequence[Bar], values: Sequence[float], title: str, top: int) -> SafeString:
    step, highest = WIDTH / max(len(bars), 20), max(*values, 0.001)
    drawn = (
        _bar(bar, number * step, step, value / highest, top)
        for number, (bar, value) in enumerate(zip(bars, values, strict=True))
    )
    return format_html(
        '<text x="0" y="{}">{}</text>{}<line x1="0" x2="{}" y1="{}" y2="{}"/>',
        *(top + GAP - 8, title, format_html_join("", "{}", ((one,) for one in drawn))),
        *(WIDTH, top + GAP + HEIGHT, top + GAP + HEIGHT),
    )


def _bar(bar: Bar, left: float, width: float, share: float, top: int) -> SafeString:
    """Its link is for the mouse: with the keyboard one takes those of the list, and not two hundred of a picture."""
    height = HEIGHT * max(share, 0.01)
    return format_html(
        '<a href="{}" tabindex="-1"><rect class="{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect></a>',
        *(bar.url, "failed" if bar.failed else "good", f"{left:.1f}", f"{top + GAP + HEIGHT - height:.1f}"),
        *(f"{width * 0.8:.1f}", f"{height:.1f}", str(bar)),
    )
