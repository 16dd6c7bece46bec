"""Of pages, tokens and totals: each hit once, to the end, and no number that is more than is known."""

from tests.mutants.mutant import Mutant

_TOKENS = "tests/api/params/test_tokens.py"
_PAGE = "tests/api/answers/test_page.py"
_READER = "tests/lake/search/test_reader.py"

PAGING = (
    Mutant(
        "token-without-its-query",
        "api/params/tokens.py",
        old="    if bound != query:\n        raise BadToken(_BOUND_ELSEWHERE)\n    if after",
        new="    if after",
        means="a token that is sent with other words goes on silently in the middle of another answer",
        test=f"{_TOKENS}::test_a_token_comes_back_and_is_bound_to_its_query",
    ),
    Mutant(
        "token-of-any-order",
        "api/params/tokens.py",
        old='FREE = {"token", "page", "limit", "total", "fields"}',
        new='FREE = {"token", "page", "limit", "total", "fields", "sort"}',
        means="a walk that is turned round on its way repeats what it had, and lacks the rest",
        test=f"{_TOKENS}::test_a_token_comes_back_and_is_bound_to_its_query",
    ),
    Mutant(
        "last-row-of-a-page-again",
        "lake/scan/search_sql.py",
        old='        sign = "<" if self.search.newest else ">"\n',
        new='        sign = "<=" if self.search.newest else ">="\n',
        means="each page begins with the last row of the page before",
        test=f"{_READER}::test_a_walk_goes_on_within_one_microsecond",
    ),
    Mutant(
        "oldest-row-not-reached",
        "lake/scan/paged_scan.py",
        old="            if self.resume.position < self._low:\n                return\n",
        new="            if self.resume.position <= self._low:\n                return\n",
        means="a search from a moment on misses what was seen at that very moment",
        test=f"{_READER}::test_the_first_moment_of_a_search_is_reached_by_a_slice_of_its_own",
    ),
    Mutant(
        "next-page-of-now",
        "api/answers/page.py",
        old="search = replace(search, snapshot_us=token.snapshot_us) if token else pin_snapshot(search)",
        new="search = pin_snapshot(search)",
        means="posts that arrive during a walk push others over the edge of a page: they come twice",
        test=f"{_PAGE}::test_a_walk_does_not_see_what_comes_but_sees_what_goes",
    ),
    Mutant(
        "bound-told-as-a-total",
        "lake/scan/full_scan.py",
        old='return total, "gte"\n        except LakeUnusable',
        new='return total, "eq"\n        except LakeUnusable',
        means="a count that ran out of time is told as the exact number of posts",
        test="tests/lake/search/test_read_while_compacted.py::test_a_copy_of_the_tombstones_that_fails_is_made_by_who_asks_next",
    ),
    Mutant(
        "hits-of-earlier-pages-forgotten",
        "api/answers/page.py",
        old="return token.before if token else (values",
        new="return 0 if token else (values",
        means="a walk ends with a total that is less than the hits it had",
        test=f"{_PAGE}::test_a_walk_that_has_seen_the_end_knows_its_total",
    ),
    Mutant(
        "thousandth-row-refused",
        "api/params/search.py",
        old="    if page * limit > min(reachable, MAX_SKIPPED):\n",
        new="    if page * limit >= min(reachable, MAX_SKIPPED):\n",
        means="the last page within the limit is refused",
        test="tests/api/params/test_search.py::test_pages_end_at_a_thousand_rows",
    ),
    Mutant(
        "cut-page-told-as-complete",
        "lake/search/reader.py",
        old="            timed_out = len(found) < last\n",
        new="            timed_out = False\n",
        means="a page that its time limit has cut short is told as complete",
        test=f"{_READER}::test_a_search_that_reaches_its_time_limit_answers_what_it_has_and_says_how_far_it_came",
    ),
    Mutant(
        "cut-page-kept-for-others",
        "lake/search/reader.py",
        old="lambda page: page.complete and len(page.hits) <= KEPT_HITS, slot",
        new="lambda page: len(page.hits) <= KEPT_HITS, slot",
        means="a page that was cut short while the machine was busy is answered again and again",
        test=f"{_READER}::test_a_page_that_was_cut_short_is_read_again",
    ),
)
