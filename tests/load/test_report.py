"""The report's arithmetic, what it judges, and which limit it names."""

import json
import re
from importlib.util import find_spec

import pytest

from tests.load import made_run
from tests.load.made_run import BEGAN, PLAN, readings
from tests.load.plan import Plan
from tests.load.report import pages
from tests.load.report.criteria import FAIL, NOT_MEASURED, P95_MS, PASS, criteria, failed
from tests.load.report.figures import busiest, latency, percentile
from tests.load.report.measuring import hours, measure
from tests.load.report.readings import Readings, Request
from tests.load.report.resources import Resource, bottleneck, first_to_break, sentence

KILLED = {kill.victim: int(kill.at) for kill in PLAN.kills}


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [([], 95, 0), ([7], 50, 7), ([1, 2, 3, 4], 50, 2), ([4, 3, 2, 1], 75, 3), (range(1, 101), 95, 95), ([1, 9], 99, 9)],
)
def test_percentiles_are_values_that_were_there(values, percent, expected):
    assert percentile(list(values), percent) == expected


def test_latencies():
    assert latency([float(ms) for ms in range(1, 201)]) == (200, 100, 190, 198, 200)


def test_the_busiest_is_what_lasts():
    peak = [(float(at), 1.0 if at == 15 else 0.1) for at in range(60)]
    assert busiest(peak) == pytest.approx(0.13)
    assert busiest([(at, 1.0) for at, _ in peak]) == 1


def test_a_short_run_has_its_flushes_and_its_spike():
    short, hour = Plan(minutes=5), Plan(minutes=60)
    assert short.seconds / short.flush_seconds >= 10
    assert (hour.flush_interval, hour.flush_seconds, hour.spike_seconds) == (300, 100, 60)
    assert hour.events == 2_000 * 3_600 + 2 * 2_000 * 60
    for plan in (short, hour, Plan(minutes=1)):
        ends = [*(kill.at for kill in plan.kills), plan.spike_at]
        assert ends == sorted(ends)
        assert plan.spike_at + plan.spike_seconds < plan.seconds


@pytest.mark.parametrize(
    ("counted", "rates"),
    [
        ([0, 10, 30], [5, 10]),
        ([100, 4], [2]),  # a new process counts from zero
        ([100.0, 99.99, 101.99], [0, 1]),
        ([10, None, 30], [None, None]),
    ],
)
def test_counters_rise_over_restarts(counted, rates):
    samples = [{"at": BEGAN + 2 * number, "count": value} for number, value in enumerate(counted)]
    found = [value for _, value in Readings(made_run.record(), samples, []).rates("count")]
    assert found == [value if value is None else pytest.approx(value) for value in rates]


RESOURCES = [
    Resource("memory", 90, 100, "MB", idle=80),
    Resource("cpu", 0.6, 1, "cores"),
    Resource("disk", 0.1, 1, "s a second"),
]


def test_the_bottleneck_is_nearest_to_its_limit_and_another_may_break_first():
    assert bottleneck(RESOURCES).name == "memory"
    assert first_to_break(RESOURCES).name == "cpu"  # most of the memory is there without any load
    assert (RESOURCES[0].doubled, RESOURCES[1].doubled) == (1.0, 1.2)
    assert RESOURCES[1].breaks_at == pytest.approx(1 / 0.6)
    text = sentence(RESOURCES)
    assert "Nearest to its limit: memory, 90 of 100 MB (90%)" in text
    assert "cpu would be at 120% of its limit: the first that breaks" in text
    assert "no limit breaks; disk comes nearest, with 20%" in sentence(RESOURCES[2:])


def verdicts(**others):
    return {one.name: one.verdict for one in criteria(measure(readings(**others)))}


def test_a_good_run_passes():
    found = verdicts()
    assert set(found.values()) == {PASS, NOT_MEASURED}
    assert found["p95 of page"] == PASS
    assert found["p95 of top"] == NOT_MEASURED
    assert found["hours that ended"] == NOT_MEASURED  # it ended with the run


def changed(part, **numbers):
    return made_run.NOTHING_WRONG | {part: made_run.NOTHING_WRONG[part] | numbers}


def slow_sample(**others):
    return dict.fromkeys(range(200, 260, 2), others)


@pytest.mark.parametrize(
    ("others", "broken"),
    [
        ({"comparison": changed("lake", lost=1)}, "events lost"),
        ({"comparison": changed("lake", twice=1)}, "events twice, or of no log"),
        ({"comparison": changed("lake", foreign=1)}, "events twice, or of no log"),
        ({"comparison": changed("lake", other_text=1)}, "texts of posts"),
        ({"comparison": changed("lake", events=500_000)}, "events in the lake"),
        ({"comparison": changed("posts", shown_though_gone=1)}, "deleted posts, and those of accounts that left"),
        ({"comparison": changed("posts", not_shown=1)}, "all other posts"),
        ({"comparison": None}, "events lost"),
        ({"verify_lake": "a row too many"}, "verify_lake"),
        ({"gaps": 1}, "frames dropped, gaps"),
        ({"gaps": None}, "frames dropped, gaps"),
        ({"samples": {second: {"redis": {}} for second in range(0, 140, 2)}}, "what was looked at"),
        ({"samples": {second: {"consumer": {"received": 1}} for second in range(0, 600, 2)}}, "what was looked at"),
        ({"drained": BEGAN + 80 * 60}, "events in the lake"),  # what came later was not within the run
        ({"batches": [["2026", 31.0, "committed"]]}, "a batch"),
        ({"batches": []}, "a batch"),
        ({"samples": slow_sample(redis={"ping_ms": 101})}, "PING of Redis"),
        ({"samples": slow_sample(redis={"way_ms": 1_500})}, "from the server's clock to Redis"),
        ({"samples": slow_sample(redis={"memory": 1.7e9})}, "memory of Redis"),
        ({"samples": slow_sample(firehose_late=9.0)}, "the load itself"),
        ({"asked": [Request(BEGAN + at, "page", 1.0) for at in range(0, 479, 5)]}, "people ask to the end"),
        ({"asked": [Request(BEGAN, "page", 1.0, "wrong: twice")]}, "wrong answers"),
        ({"asked": [Request(BEGAN, "page", 1.0, "status 503")]}, "requests failed, but for the kill of web"),
        ({"asked": [Request(BEGAN, "page", 31_000.0)]}, "the slowest answer"),
        ({"asked": [Request(BEGAN, "page", 1_100.0)] * 20}, "p95 of page"),
        ({"asked": []}, "wrong answers"),
    ],
)  # fmt: skip
def test_what_is_broken_is_named(others, broken):
    assert verdicts(**others)[broken] == FAIL


def test_a_process_above_its_containers_limit_is_named():
    fat = made_run.sample(200)["processes"]
    fat["consumer"]["pss"] = 300e6
    found = criteria(measure(readings({200: {"processes": fat}})))
    (one,) = failed(found)
    assert (one.name, "consumer: 300 of 201 MB" in one.measured) == ("memory of each process", True)


def test_requests_that_fail_while_web_is_away_are_excused_and_no_others():
    at = BEGAN + KILLED["web"]
    refused = [Request(at + 1, "page", 1.0, "status 0"), Request(at - 60, "page", 1.0, "status 0")]
    measured = measure(readings({KILLED["web"] + 2: {"web_ms": None}}, refused))
    assert (measured.excused, measured.failed) == (1, 1)
    assert measure(readings(asked=[Request(at + 1, "page", 1.0, "wrong: twice")])).wrong == 1


def test_a_failure_does_not_excuse_itself():
    """It prolongs the recovery; the web process was there again long before."""
    late = Request(BEGAN + KILLED["web"] + 40, "page", 1.0, "status 503")
    measured = measure(readings({KILLED["web"] + 2: {"web_ms": None}}, [late]))
    assert (measured.excused, measured.failed) == (0, 1)


def test_a_busy_machine_is_told():
    busy = [made_run.sample(seconds) for seconds in range(0, 600, 2)]
    for one in busy:
        one["machine"]["busy"] *= 1.5
    assert pages.disturbed(measure(readings()), 2) == []
    (warning,) = pages.disturbed(measure(Readings(made_run.record(), busy, [])), 2)
    assert "Others had 25% of the machine's CPU" in warning


def test_a_small_run_does_not_judge_the_throughput():
    small = PLAN.described() | {"rate": 300}
    assert verdicts(plan=small)["events in the lake"] == NOT_MEASURED


def test_hours_that_ended_early_enough_are_to_be_compacted():
    half_past, hour = BEGAN + 1_800, [["2026-07-01 12:00:00", 3, 3], ["2026-07-01 13:00:00", 0, 9]]
    assert hours({"hours": hour}, half_past, half_past + 3_600) == (1, 1)
    assert hours({"hours": [["2026-07-01 12:00:00", 0, 9]]}, half_past, half_past + 3_600) == (1, 0)
    assert hours({"hours": hour}, half_past, half_past + 1_860) == (0, 0)


def test_the_usual_load_is_judged_without_faults_and_spike():
    at = int(PLAN.spike_at)
    burst = {at + second: {"processes": made_run.sample(9e9)["processes"]} for second in range(0, 60, 2)}
    used = {one.name: one for one in measure(readings(burst)).resources}
    assert used["CPU of the machine, by the service"].used == pytest.approx(0.87, rel=0.02)
    assert used["CPU of consumer"].limit == 1
    assert used["the flusher's time"].used == 12 * 4.0


def test_the_files_of_a_run_become_a_report(tmp_path):
    made_run.write(tmp_path, readings(verify_lake="a row | too many"))
    assert [one.name for one in failed(pages.write(tmp_path, draw=False))] == ["verify_lake"]
    html, text = (tmp_path / "report.html").read_text(), (tmp_path / "report.md").read_text()
    assert "FAIL: 1 of" in html
    assert not re.search(r"(?:src|href)=", html), "it loads something"
    assert "| verify_lake | finds nothing | a row \\| too many | FAIL |" in text
    told = json.loads((tmp_path / "report.json").read_text())
    assert told["verdict"].startswith("FAIL: 1 of")
    assert told["plan"]["rate"] == 2_000


@pytest.mark.skipif(not find_spec("matplotlib"), reason="needs matplotlib, which make load installs")
@pytest.mark.filterwarnings("default")
@pytest.mark.slow
def test_the_plots_are_in_the_page(tmp_path):
    made_run.write(tmp_path, readings())
    pages.write(tmp_path)
    html = (tmp_path / "report.html").read_text()
    assert html.count("<svg") == 9
    assert "<?xml" not in html


def test_each_kind_that_people_ask_for_has_its_limit():
    source = made_run.PEOPLE.read_text()
    asked = set(re.findall(r'self\.(?:ask|fetch|_export)\(\s*"([a-z ]+)"', source)) | {"page", "next page", "newest"}
    assert asked == P95_MS.keys()
