"""docs/metrics.md, made from the lists of series: `.venv/bin/python -m tests.metrics_page` writes it."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

PAGE = Path(__file__).parent.parent / "docs" / "metrics.md"
HEAD = """# Metrics

Four processes answer Prometheus, each with its own series and no others; `resolve_handles` has no port, the web
process tells of it. A name begins with the package that counts: `ingest_`, `lake_`, `api_`. Every label value below
exists at zero from the start, so that a rate has a beginning; what can't be read at a scrape (Redis is away) is absent
from it. A meaning says what a change means and who acts. Times are seconds; `seen` is the server's clock.

All ports also tell of the process itself: `process_*` (CPU, memory) and `python_*`. This page is made from the lists in
`ingest/metrics.py`, `lake/metrics.py` and `api/metrics.py`: after a change there run `.venv/bin/python -m
tests.metrics_page`.

## Who may scrape

`METRICS_HOST` says where the ports of consumer, flusher and compactor listen: 127.0.0.1, or 0.0.0.0 so that another
container can scrape them. They have no password: keep them away from the internet.

`/metrics` of the web process is not public. It answers

- this machine and private networks, when no proxy is in between. A proxy adds `X-Forwarded-For` (or `Forwarded`,
  `X-Real-IP`, `Via`, `X-Forwarded-Proto`), as Caddy does by itself; a request with any of these may come from anybody,
  though the proxy's own address is private. A proxy that adds none of them must not route `/metrics`;
- everybody who sends `Authorization: Bearer <METRICS_TOKEN>`, unless that setting is empty.

All others get a 403. The host name that the scraper uses must be in DJANGO_ALLOWED_HOSTS.

## Availability

Two shares, each to be at least 99.9 % over 30 days.

**Of data**: the minutes with data in the lake. A minute is due two flush intervals and a minute after its end; minutes
before the first batch do not count, and one that is fetched later counts as there. The catalog knows them all, so the
share is true also for times in which Prometheus was down:
`api_minutes_with_data{window="30d"} / api_minutes_due{window="30d"}`. The windows 1h, 6h, 1d and 3d are for burn rates.

**Of answers**: those that are not 5xx, among all answers but those of `/health/` and `/metrics`:
`1 - sum(increase(api_responses_total{status="5xx"}[30d])) / sum(increase(api_responses_total[30d]))`. Refusals because
of too many requests at once and queries that reach a limit are 503s, and so count against it; a 429 does not.
"""
WEB = """What it counts itself begins at zero with each start. The rest is the state of the whole, read from
Redis, the catalog and the files beside it when it is asked: true also while other processes are down. These are the
series to alert on. Totals are the catalog's and those of files beside it; none is kept in Redis, so none falls when
Redis loses all. Beside them are the requests by view, as `django_*`."""
MEMORY = "Counted in its memory: zero again at each start, which `rate()` and `increase()` take into account."


class Section(NamedTuple):
    title: str
    text: str
    series: Sequence[tuple[str, str, str, dict[str, tuple[str, ...]]]]  # process.metrics.Series


def sections() -> list[Section]:
    from api.metrics import WEB as WEB_SERIES
    from ingest.metrics import CONSUMER
    from lake.metrics import COMPACTOR, FLUSHER, WRITERS
    from process.metrics import series_of

    return [
        Section("The web process: `/metrics`", WEB, WEB_SERIES),
        Section("The consumer: `METRICS_PORT_CONSUMER`", MEMORY, [*map(series_of, CONSUMER)]),
        Section("The flusher: `METRICS_PORT_FLUSHER`", MEMORY, [*map(series_of, FLUSHER)]),
        Section("The compactor: `METRICS_PORT_COMPACTOR`", MEMORY, [*map(series_of, COMPACTOR)]),
        Section("The flusher and the compactor", "Read at the start of each.", [*map(series_of, WRITERS)]),
    ]


def page(parts: Iterable[Section]) -> str:
    """Raises ValueError when a series is in it twice."""
    parts = list(parts)
    names = [name for part in parts for name, *_ in part.series]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"more than once: {sorted(twice)}")
    return "\n".join([HEAD, *(f"## {part.title}\n\n{part.text}\n\n{table(part)}\n" for part in parts)])


def table(part: Section) -> str:
    rows = [f"| `{name}` | {kind} | {listed(labels)} | {meaning} |" for name, kind, meaning, labels in part.series]
    return "\n".join(["| name | kind | labels | meaning |", "|---|---|---|---|", *rows])


def listed(labels: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{label}: {', '.join(values)}" for label, values in labels.items())


if __name__ == "__main__":
    import os

    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "explorer.settings")
    django.setup()
    PAGE.write_text(page(sections()))
