"""What a dashboard is made of."""

from typing import NamedTuple


class Panel(NamedTuple):
    """`unit`: Grafana's name of it. `queries`: legend and PromQL; {{label}} in a legend is the label's value, and
    $__rate_interval Grafana's: four scrapes, or more where a pixel is longer. `note`: behind the title."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    note: str


def panel(title: str, unit: str, *queries: tuple[str, str], note: str = "") -> Panel:
    return Panel(title, unit, queries, note)


class Row:
    def __init__(self, title: str, *panels: Panel) -> None:
        self.title, self.panels = title, panels


class Dashboard:
    """`uid`: in its URL, /d/<uid>. `since`: the period that it opens with."""

    def __init__(self, uid: str, title: str, since: str, *rows: Row) -> None:
        self.uid, self.title, self.since, self.rows = uid, title, since, rows

    @property
    def panels(self) -> list[Panel]:
        return [panel for row in self.rows for panel in row.panels]
