"""`python -m deploy.grafana.dashboards`: writes the JSON that Grafana reads; with `check` it only compares."""

import json
import sys
from pathlib import Path
from typing import Any

from deploy.grafana.availability import AVAILABILITY
from deploy.grafana.host import HOST
from deploy.grafana.panel import Dashboard, Panel
from deploy.grafana.pipeline import PIPELINE
from deploy.grafana.redis_server import REDIS

DASHBOARDS = (PIPELINE, REDIS, HOST, AVAILABILITY)
FOLDER = Path(__file__).parent / "dashboards"
SOURCE = {"type": "prometheus", "uid": "prometheus"}  # provisioning/datasources/prometheus.yml
COLUMNS, WIDTH, HEIGHT = 24, 8, 8  # Grafana's grid: three panels side by side


def render(dashboard: Dashboard) -> str:
    """As Grafana's own export: it loads it, and a change made there can be compared with it."""
    model = {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "tags": ["explorer"],
        "schemaVersion": 38,
        "editable": False,
        "timezone": "utc",
        "refresh": "30s",
        "time": {"from": dashboard.since, "to": "now"},
        "links": [{"type": "dashboards", "tags": ["explorer"], "title": "Dashboards", "keepTime": True}],
        "panels": _panels(dashboard),
    }
    return json.dumps(model, indent=1, ensure_ascii=False) + "\n"


def _panels(dashboard: Dashboard) -> list[dict[str, Any]]:
    """Rows from the top down, each with its panels in lines of three."""
    panels: list[dict[str, Any]] = []
    top = 0
    for row in dashboard.rows:
        panels.append({"type": "row", "title": row.title, "collapsed": False, "gridPos": _place(0, top, COLUMNS, 1)})
        for number, panel in enumerate(row.panels):
            line, column = divmod(number, COLUMNS // WIDTH)
            panels.append(_panel(panel) | {"gridPos": _place(column * WIDTH, top + 1 + line * HEIGHT, WIDTH, HEIGHT)})
        top += 1 + -(-len(row.panels) * WIDTH // COLUMNS) * HEIGHT
    return [{"id": number, **panel} for number, panel in enumerate(panels, 1)]


def _place(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "type": "timeseries",
        "title": panel.title,
        "description": panel.note,
        "datasource": SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "options": {"tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + number), "datasource": SOURCE, "expr": query, "legendFormat": legend}
            for number, (legend, query) in enumerate(panel.queries)
        ],
    }


def main() -> int:
    rendered = {FOLDER / f"{dashboard.uid}.json": render(dashboard) for dashboard in DASHBOARDS}
    if sys.argv[1:] != ["check"]:
        for path, text in rendered.items():
            path.write_text(text)
        return 0
    stale = [path.name for path, text in rendered.items() if not path.exists() or path.read_text() != text]
    unknown = {path.name for path in FOLDER.iterdir()} - {path.name for path in rendered}
    for name in [*stale, *sorted(unknown)]:
        print(f"deploy/grafana/dashboards/{name} differs from deploy/grafana/*.py: python -m deploy.grafana.dashboards")
    return 1 if stale or unknown else 0


if __name__ == "__main__":
    sys.exit(main())
