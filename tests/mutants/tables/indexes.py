"""Of the text index: it narrows, and must never hide a hit."""

from tests.mutants.mutant import Mutant

_INDEX = "lake/textindex"
_LOOKUP = "tests/lake/textindex/test_lookup.py"
_PRUNING = "tests/lake/scan/test_index_pruning.py"

INDEXES = (
    Mutant(
        "gram-of-a-last-character-forgotten",
        f"{_INDEX}/ngrams.py",
        old="(codes[:-2] != END) & (wide[:-2] | (codes[1:-1] != END))",
        new="(codes[:-2] != END) & (codes[1:-1] != END)",
        means="a search for one Chinese character misses the posts that end with it",
        test=f"{_LOOKUP}::test_characters_that_collide_are_found",
    ),
    Mutant(
        "list-that-begins-in-the-block-before",
        f"{_INDEX}/lookup.py",
        old='int(np.searchsorted(first_keys, np.uint64(low), "right")) - 1)',
        new='int(np.searchsorted(first_keys, np.uint64(low), "left")))',
        means="most words find nothing in compacted hours",
        test=f"{_LOOKUP}::test_only_posts_that_may_match_are_candidates",
    ),
    Mutant(
        "alternative-that-no-index-knows",
        "lake/query/index_terms.py",
        old="            return None if None in children else AnyKey(",
        new="            return AnyKey(",
        means="`lake OR 7` misses the posts that have only a 7 where an index is",
        test=f"{_LOOKUP}::test_only_posts_that_may_match_are_candidates",
    ),
    Mutant(
        "posts-of-a-merge-not-shifted",
        f"{_INDEX}/builder.py",
        old="            shifts.append(writer.rows)\n            _copy_posts(reader, writer)\n",
        new="            _copy_posts(reader, writer)\n            shifts.append(writer.rows)\n",
        means="once a day is over, its searches look at other posts than those that match",
        test="tests/lake/compact/test_index_upkeep.py::test_a_compacted_hour_has_an_index_and_a_day_that_is_over_one",
    ),
    Mutant(
        "index-of-hours-that-changed",
        "lake/scan/index_pruning.py",
        old="            if path not in rows:\n                break\n",
        new="            if path not in rows:\n                continue\n",
        means="after retention has removed an hour, the rest of its day is searched at wrong places",
        test=f"{_PRUNING}::test_an_index_that_has_lost_a_file_is_believed_before_that_one_only",
    ),
    Mutant(
        "hidden-posts-looked-for-in-the-index",
        "lake/scan/index_pruning.py",
        old='self._indexed = search.dataset == "posts" and search.hide',
        new='self._indexed = search.dataset == "posts"',
        means="an administrator who looks at what is hidden misses what is purged from the index alone",
        test="tests/lake/compact/test_index_upkeep.py::test_who_sees_what_is_deleted_sees_it_with_and_without",
    ),
    Mutant(
        "damaged-block-believed",
        f"{_INDEX}/segment.py",
        old="            if zlib.crc32(data) != self._directory.checksums[number]:\n",
        new="            if not data:\n",
        means="a flipped bit in an index hides posts, and nobody is told",
        test="tests/lake/textindex/test_segment.py::test_a_changed_byte_is_noticed_or_harmless",
    ),
    Mutant(
        "capital-that-grows",
        "lake/query/index_terms.py",
        old='return text.replace("İ", "i").replace("Σ", "σ").lower()',
        new="return text.lower()",
        means="a search for a Turkish or Greek name in capitals finds nothing where an index is",
        test="tests/lake/query/test_index_terms.py::test_lowercase_is_what_duckdb_does_to_each_character",
    ),
)
