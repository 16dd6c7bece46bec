"""Of the lake's clock: an answer for a moment stays the same, less what was deleted since."""

from tests.mutants.mutant import Mutant

_CLOCK = "tests/lake/catalog/test_clock.py"

AS_OF = (
    Mutant(
        "late-rows-exist-at-once",
        "lake/flush/dataset_rows.py",
        old="CASE WHEN seen <= make_timestamp($passed) THEN",
        new="CASE WHEN seen < make_timestamp($passed) THEN",
        means="an answer for a moment changes when another event of its last microsecond comes late",
        test=f"{_CLOCK}::test_a_late_row_exists_from_the_moment_after_the_answers_that_were_given",
    ),
    Mutant(
        "late-rows-in-earlier-answers",
        "lake/scan/search_sql.py",
        old='late = " AND (learned IS NULL OR learned <= make_timestamp($until))" if scan.late else ""',
        new='late = ""',
        means="an answer for a moment has rows that came days later",
        test=f"{_CLOCK}::test_a_late_row_exists_from_the_moment_after_the_answers_that_were_given",
    ),
    Mutant(
        "clock-goes-back",
        "lake/catalog/clock.py",
        old="    clock = max(turn.learned_us, microseconds(reached))\n",
        new="    clock = microseconds(reached)\n",
        means="two answers that say the same moment differ",
        test=f"{_CLOCK}::test_the_clock_goes_by_the_newest_event_and_by_one_where_all_come_late",
    ),
    Mutant(
        "clock-of-a-host-ahead",
        "lake/catalog/clock.py",
        old="clock if newest is None else max(clock, microseconds(min(newest, _ingested(ahead))))",
        new="clock if newest is None else max(clock, microseconds(newest))",
        means="one event from a host that is an hour ahead makes all others of that hour late",
        test=f"{_CLOCK}::test_an_event_ahead_of_its_time_does_not_make_the_next_ones_late",
    ),
    Mutant(
        "turns-not-taken",
        "lake/catalog/clock.py",
        old='    with exclusive(lock_path("clock"), wait=True):\n',
        new='    with exclusive(lock_path("clock"), wait=True):\n        pass\n    if True:\n',
        means="labels that are imported beside a flush are in answers that were given before",
        test=f"{_CLOCK}::test_one_writer_at_a_time_has_a_turn",
    ),
    Mutant(
        "moment-that-has-not-come",
        "api/params/query.py",
        old='    return "" if microseconds(moment) <= present else f"is later',
        new='    return "" if microseconds(moment) >= 0 else f"is later',
        means="an answer for tomorrow is given today, and is another one tomorrow",
        test="tests/api/answers/test_as_of.py::test_a_moment_is_a_time_or_a_whole_day_that_has_come",
    ),
)
