"""Alerts, their runbooks, their unit tests and the dashboards speak of the same things."""

import json
import re
import subprocess
from itertools import chain

import pytest
import yaml

from deploy.grafana.dashboards import DASHBOARDS, FOLDER, SOURCE, render
from deploy.local.child import ROOT
from deploy.local.environment import dotenv
from deploy.monitor.configuration import PROMETHEUS, Ports, targets
from deploy.monitor.programs import RETENTION

GROUPS = [group for path in PROMETHEUS.glob("rules/*.yml") for group in yaml.safe_load(path.read_text())["groups"]]
RULES = [rule for group in GROUPS for rule in group["rules"]]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
RUNBOOKS = OPERATIONS.partition("\n## Alerts\n")[2].partition("\n## ")[0]
ALERTMANAGER = yaml.safe_load((ROOT / "deploy" / "alertmanager" / "alertmanager.yml").read_text())
PROVISIONING = ROOT / "deploy" / "grafana" / "provisioning"


def test_each_alert_has_its_runbook_and_each_runbook_its_alert():
    assert re.findall(r"^### (\w+)$", RUNBOOKS, re.MULTILINE) == list(ALERTS)


@pytest.mark.parametrize("name", ALERTS)
def test_a_runbook_says_what_it_means_what_to_look_at_and_what_to_do(name):
    text = RUNBOOKS.partition(f"### {name}\n")[2].partition("\n### ")[0]
    assert [word for word in ("**Means.**", "**Look.**", "**Do.**") if word not in text] == []
    assert "`" in text, "a command, or the name of something to look at"


@pytest.mark.parametrize(("name", "rule"), ALERTS.items())
def test_an_alert_links_its_runbook_and_fires_within_a_minute(name, rule):
    assert rule["annotations"]["runbook"] == f"docs/operations.md#{name.lower()}"
    assert rule["annotations"].keys() == {"summary", "description", "runbook"}
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert int(rule.get("for", "0s")[:-1]) <= 20


def test_each_alert_has_a_unit_test_that_sees_it_fire():
    tests = "".join(path.read_text() for path in PROMETHEUS.glob("tests/*.yml"))
    assert [name for name in ALERTS if f'alertname="{name}"' not in tests] == []


def test_what_is_recorded_for_dashboards_is_shown_and_has_a_unit_test():
    (group,) = yaml.safe_load((PROMETHEUS / "rules" / "dashboards.yml").read_text())["groups"]
    recorded = {rule["record"] for rule in group["rules"]}
    queries = " ".join(query for dashboard in DASHBOARDS for panel in dashboard.panels for _, query in panel.queries)
    assert set(re.findall(r"[a-z]\w*:[\w:]+", queries)) == {
        *recorded, "availability:ratio_30d", "availability:errors:ratio_1h", "availability:errors:ratio_1d",
    }  # fmt: skip
    tested = (PROMETHEUS / "tests" / "dashboards.yml").read_text()
    assert [name for name in sorted(recorded) if f"expr: {name}\n" not in tested] == []


def test_only_alerts_that_exist_silence_others_and_are_silenced():
    rules = ALERTMANAGER["inhibit_rules"]
    matchers = chain.from_iterable(rule["source_matchers"] + rule["target_matchers"] for rule in rules)
    named = [matcher.partition("alertname")[2].strip(' =~"') for matcher in matchers if "alertname" in matcher]
    patterns = [pattern for name in named for pattern in name.split("|")]
    assert [pattern for pattern in patterns if not any(re.fullmatch(pattern, name) for name in ALERTS)] == []


def test_the_targets_that_are_shipped_are_those_of_the_example():
    shipped = yaml.safe_load((PROMETHEUS / "targets" / "scraped.yml").read_text())
    assert shipped == targets(dotenv(ROOT / ".env.example"), Ports())


def test_the_retention_is_noted_where_one_looks_for_it():
    assert f"--storage.tsdb.retention.time={RETENTION}" in (PROMETHEUS / "prometheus.yml").read_text()
    assert RETENTION == "30d"


def test_dashboards_are_what_they_are_made_from():
    assert {path.name: path.read_text() for path in FOLDER.iterdir()} == {
        f"{dashboard.uid}.json": render(dashboard) for dashboard in DASHBOARDS
    }


def test_dashboards_can_be_told_apart_and_refresh_every_30_seconds():
    models = [json.loads(render(dashboard)) for dashboard in DASHBOARDS]
    for name in ("uid", "title"):
        assert len({model[name] for model in models}) == len(models)
    assert {model["refresh"] for model in models} == {"30s"}
    for model in models:
        titles = [panel["title"] for panel in model["panels"] if panel["type"] != "row"]
        assert len(set(titles)) == len(titles), "a title names one panel"


def test_panels_do_not_overlap():
    for dashboard in DASHBOARDS:
        places = [panel["gridPos"] for panel in json.loads(render(dashboard))["panels"]]
        cells = [
            (x, y)
            for at in places
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        ]
        assert len(set(cells)) == len(cells)
        assert max(x for x, _ in cells) < 24


def test_grafana_finds_its_source_and_the_dashboards():
    (source,) = yaml.safe_load((PROVISIONING / "datasources" / "prometheus.yml").read_text())["datasources"]
    assert {"type": source["type"], "uid": source["uid"]} == SOURCE
    assert (
        source["jsonData"]["timeInterval"]
        == yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())["global"]["scrape_interval"]
    )
    (provider,) = yaml.safe_load((PROVISIONING / "dashboards" / "dashboards.yml").read_text())["providers"]
    assert provider["options"] == {"path": "${DASHBOARDS}"}


@pytest.mark.slow
def test_lint_finds_nothing():
    result = subprocess.run(["bash", "deploy/monitor/lint.sh"], cwd=ROOT, capture_output=True, text=True)
    assert (result.returncode, result.stdout + result.stderr) == (0, "")
