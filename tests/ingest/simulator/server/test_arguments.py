import argparse

import pytest

from ingest.simulator.server import arguments
from ingest.simulator.server.appview import SimulatedAppView
from ingest.simulator.server.faults import Faults
from ingest.simulator.server.jetstream import Options


def parse(*options):
    parser = argparse.ArgumentParser()
    arguments.add_arguments(parser)
    return vars(parser.parse_args(options))


def test_defaults_are_those_of_the_python_side():
    given = parse()
    assert arguments.server_options(given) == Options()
    assert arguments.faults(given) == Faults(seed=given["seed"])


def test_what_is_in_memory_anyway_is_kept():
    assert arguments.server_options(parse("--pregenerate", "--events", "9")).keep > 10**12


def test_each_fault_has_its_option():
    line = (
        "--drop-every 1 --drop-replay 2 --repeat-window 3 --reorder --stall 4.5 --stall-every 5 "
        "--junk-every 6 --cut-every 7 --seed 8"
    )
    given = parse(*line.split())
    assert arguments.faults(given) == Faults(1, 2, 3, True, 4.5, 5, 6, 7, 8)


@pytest.mark.parametrize(
    "options",
    ["--rate -1", "--rate nan", "--rate inf", "--events -1", "--keep 0", "--per-second 0", "--start yesterday"],
)
def test_a_wrong_value_is_refused(options):
    with pytest.raises(SystemExit):
        parse(*options.split())


@pytest.mark.parametrize("start", ["2026-07-01", "2026-07-01T00:00:00Z", "2026-07-01T09:00:00+09:00"])
def test_the_start_is_utc_unless_it_says_otherwise(start):
    assert parse("--start", start)["start"] == 1_782_864_000_000_000


def test_without_a_rate_the_same_options_give_the_same_bytes():
    given = parse("--events", "50", "--users", "10")
    one, other = (list(arguments.source(given, print, SimulatedAppView())()) for _ in range(2))
    assert one == other
    assert len(one) == 50
    assert 0 <= one[0][0] - 1_782_864_000_000_000 <= 10_000


def test_density_of_simulated_time():
    dense, thin = (
        list(arguments.source(parse("--events", "101", "--per-second", density), print, SimulatedAppView())())
        for density in ("100", "10")
    )
    assert dense[-1][0] - dense[0][0] == pytest.approx(1_000_000, abs=10_000)
    assert thin[-1][0] - thin[0][0] == pytest.approx(10_000_000, abs=10_000)
