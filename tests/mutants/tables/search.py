"""Of what a search means: words, filters, times."""

from tests.mutants.mutant import Mutant

_QUERY = "lake/query"
_ANSWERS = "tests/lake/search/test_query_answers.py"
_TABLE = f"{_ANSWERS}::test_the_table_over_made_up_simulated_and_recorded_posts"

SEARCH = (
    Mutant(
        "until-with-its-moment",
        f"{_QUERY}/filters.py",
        old='filter_sql.at_time("<")',
        new='filter_sql.at_time("<=")',
        means="a post of midnight is in the counts of both days",
        test=_TABLE,
    ),
    Mutant(
        "end-without-its-day",
        f"{_QUERY}/filter_values.py",
        old="iso(parse_timestamp(text, end_of_day=True))",
        new="iso(parse_timestamp(text))",
        means="`until:2026-07-02` leaves out the second of July",
        test="tests/lake/query/test_parser.py::test_a_text_is_understood",
    ),
    Mutant(
        "end-itself-included",
        f"{_QUERY}/spec.py",
        old="microseconds(self.end) - 1",
        new="microseconds(self.end)",
        means="a post at the end of one window is in the next one, too",
        test="tests/lake/search/test_reader.py::test_start_is_included_and_end_is_not",
    ),
    Mutant(
        "zone-ignored",
        "process/instants.py",
        old="""'+')}").astimezone(UTC)""",
        new="""'+')}").replace(tzinfo=UTC)""",
        means="a window that is asked for with +02:00 is two hours off",
        test="tests/lake/query/test_parser.py::test_a_text_is_understood",
    ),
    Mutant(
        "language-without-its-regions",
        f"{_QUERY}/filters.py",
        old='r")(?:-|\\n|$)"',
        new='r")(?:\\n|$)"',
        means="`lang:pt` misses what is marked as pt-BR",
        test=_TABLE,
    ),
    Mutant(
        "signs-taken-for-a-pattern",
        f"{_QUERY}/text_sql.py",
        old='return f"regexp_escape(lower({name}))"',
        new='return f"lower({name})"',
        means="a search for `a.b*c` finds axbc, and one for a parenthesis fails",
        test=_TABLE,
    ),
    Mutant(
        "surrogate-let-through",
        f"{_QUERY}/lexer.py",
        old='_NO_TEXT = re.compile("[\\0\\ud800-\\udfff]")',
        new='_NO_TEXT = re.compile("[\\0\\ud800-\\udbff]")',
        means="a shell's byte that is no UTF-8 ends export_posts with a traceback, and not with a sentence",
        test="tests/lake/query/test_parser.py::test_what_cannot_be_understood_is_named_with_its_place",
    ),
    Mutant(
        "fiftieth-term-refused",
        f"{_QUERY}/parser.py",
        old="    if terms > MAX_TERMS:\n",
        new="    if terms >= MAX_TERMS:\n",
        means="a list of as many words as the guide allows is refused",
        test="tests/lake/query/test_parser.py::test_the_limits_name_the_number_and_the_limit",
    ),
)
