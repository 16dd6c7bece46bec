"""The workflows say what .ci/run says, on each Python that is supported, with pinned actions and few permissions."""

import re

import pytest
import yaml

from deploy.local.child import ROOT

FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def jobs(name):
    return yaml.safe_load((FOLDER / name).read_text())["jobs"]


def commands(job):
    return [step["run"] for step in job["steps"] if "run" in step]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_actions_are_pinned_by_hash_with_their_version(path):
    used = re.findall(r"uses: (.+)", path.read_text())
    assert used
    assert [action for action in used if not PINNED.fullmatch(action)] == []


def test_one_action_has_one_hash_everywhere():
    used = {action for path in FILES for action in re.findall(r"uses: (.+)", path.read_text())}
    assert len({action.partition("@")[0] for action in used}) == len(used)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_job_may_read_the_repository_and_nothing_else(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
        assert job["timeout-minutes"] <= 60
        assert ("secrets." in str(job)) == (path.name == "deploy.yml")


def test_ci_runs_the_words_of_our_own_script():
    words = re.findall(r"^make \w+", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert words == commands(jobs("ci.yml")["lint"]) + commands(jobs("ci.yml")["test"])


def test_the_tests_run_from_the_oldest_supported_python_on():
    pythons = jobs("ci.yml")["test"]["strategy"]["matrix"]["python"]
    oldest = re.search(r'target-version = "py3(\d+)"', (ROOT / "pyproject.toml").read_text())
    assert pythons == ["3.11", "3.12", "3.13"]
    assert pythons[0] == f"3.{oldest[1]}"


def test_deployment_follows_a_ci_of_main_that_has_passed_with_the_secrets_of_an_environment_one_at_a_time():
    workflow = yaml.safe_load((FOLDER / "deploy.yml").read_text())
    assert workflow[True] == {"workflow_run": {"workflows": ["ci"], "types": ["completed"], "branches": ["main"]}}
    assert workflow["concurrency"] == {"group": "deploy", "cancel-in-progress": False}
    (job,) = workflow["jobs"].values()
    assert job["environment"] == "production"
    assert "conclusion == 'success'" in job["if"]
    assert "event == 'push'" in job["if"]
    assert "head_repository.full_name == github.repository" in job["if"]
    (line,) = [line for line in commands(job)[0].splitlines() if "ship.sh" in line]
    assert line.strip().endswith('bash deploy/ship.sh "$DEPLOY_TO"')


def test_the_live_test_has_a_schedule_and_can_be_asked_for():
    triggers = yaml.safe_load((FOLDER / "live.yml").read_text())[True]  # YAML 1.1 reads `on` so
    assert set(triggers) == {"schedule", "workflow_dispatch"}
