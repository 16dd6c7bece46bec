"""Of what a search means: words, filters, times."""

from tests.mutants.mutant import Mutant

_QUERY = "lake/query"
_ANSWERS = "tests/lake/search/test_query_answers.py"
_TABLE = f"{_ANSWERS}::test_the_table_over_made_up_simulated_and_recorded_posts"

SEARCH = (
    Mutant(
        "since-without-its-moment",
        f"{_QUERY}/filters.py",
        old='filter_sql.at_time(">=")',
        new='filter_sql.at_time(">")',
        means="`since:` a moment leaves out what was seen at it",
        test=_TABLE,
    ),
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
        test="tests/lake/query/test_filters.py::test_an_operator_is_parsed_and_rendered",
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
        test="tests/process/test_instants.py::test_any_zone_is_the_same_instant",
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
        "order-of-parts-not-checked",
        f"{_QUERY}/text_sql.py",
        old="AND regexp_matches(lower(text), concat('(?s)', {pattern})))",
        new="AND {pattern} IS NOT NULL)",
        means="`lake*house` finds posts where the house comes first",
        test=_TABLE,
    ),
    Mutant(
        "negation-loses-posts-without-text",
        f"{_QUERY}/text_sql.py",
        old="""    return f"(CASE WHEN text IS NOT NULL AND ({narrowed}) THEN {' OR '.join(each)} ELSE false END)\"""",
        new="""    return f"(CASE WHEN text IS NULL OR ({narrowed}) THEN {' OR '.join(each)} ELSE false END)\"""",
        means='`-"a phrase"` misses posts of pictures without a text',
        test=_TABLE,
    ),
    Mutant(
        "surrogate-let-through",
        f"{_QUERY}/lexer.py",
        old='_NO_TEXT = re.compile("[\\0\\ud800-\\udfff]")',
        new='_NO_TEXT = re.compile("[\\0\\ud800-\\udbff]")',
        means="half of an emoji in a search is an internal error, and not a sentence",
        test="tests/api/params/test_query.py::test_text_that_can_not_be_searched_is_a_fault",
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
