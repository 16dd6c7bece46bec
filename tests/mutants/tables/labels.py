"""Of labels: the latest counts, of the version that it is of."""

from tests.mutants.mutant import Mutant

_SEARCH = "tests/lake/search/test_labels.py"

LABELS = (
    Mutant(
        "older-label-counts",
        "lake/labelfilter/label_sql.py",
        old="GROUP BY {KEY} HAVING arg_max({passes}, {LATER}))",
        new="GROUP BY {KEY} HAVING bool_or({passes}))",
        means="a post that its classifier no longer calls toxic is still found as such",
        test=f"{_SEARCH}::test_the_latest_label_counts",
    ),
    Mutant(
        "label-that-came-later",
        "lake/search/post_labels.py",
        old="WHERE name IS NOT NULL AND learned <= make_timestamp($until)\n",
        new="WHERE name IS NOT NULL AND learned <= greatest(learned, make_timestamp($until))\n",
        means="an answer for a moment shows labels that were imported afterwards",
        test="tests/lake/labels/test_writer.py::test_a_label_does_not_exist_for_an_answer_of_before",
    ),
    Mutant(
        "hour-excluded-at-its-best-score",
        "lake/scan/label_summaries.py",
        old='        ">=": said.most >= score,\n',
        new='        ">=": said.most > score,\n',
        means="`label:toxic>=0.9` misses an hour whose highest score is 0.9",
        test=f"{_SEARCH}::test_any_query_of_any_labels",
    ),
    Mutant(
        "labels-of-deleted-posts-stay",
        "lake/schema.py",
        old='STATEFUL = (*VERSIONED, "labels")',
        new="STATEFUL = VERSIONED",
        means="what a model said of a deleted post stays in the files",
        test="tests/lake/labels/test_writer.py::test_the_labels_of_a_deleted_post_are_purged_with_it",
    ),
    Mutant(
        "label-replaced-by-an-older-one",
        "lake/labelfilter/label_sql.py",
        old='LATER = "(labelled_at, arrival)"',
        new='LATER = "arrival"',
        means="an import of last year's labels replaces this year's",
        test=f"{_SEARCH}::test_the_latest_label_counts",
    ),
    Mutant(
        "label-given-up-at-once",
        "lake/labels/waiting.py",
        old="        _give_up(now)\n",
        new="        _give_up(now + WAIT)\n",
        means="labels that are sent a second before their post are lost",
        test="tests/lake/labels/test_waiting.py::test_a_label_without_a_post_is_given_up_after_a_day_and_forgotten_in_the_end",
    ),
)
