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
        test=f"{_LOOKUP}::test_any_part_of_a_text_is_found",
    ),
    Mutant(
        "grams-across-the-end",
        f"{_INDEX}/ngrams.py",
        old="        last = keys.pop()  # its third character is unknown\n",
        new="        last = keys[-1]\n",
        means="a search misses the posts in which its word goes on",
        test=f"{_LOOKUP}::test_any_part_of_a_text_is_found",
    ),
    Mutant(
        "nul-not-replaced-in-the-query",
        f"{_INDEX}/ngrams.py",
        old='_code_points(part.replace("\\0", REPLACEMENT))',
        new="_code_points(part)",
        means="an alternative with NUL in it finds nothing where an index is",
        test="tests/lake/textindex/test_ngrams.py::test_a_text_has_a_key_in_each_range_of_its_parts",
    ),
    Mutant(
        "list-that-begins-in-the-block-before",
        f"{_INDEX}/lookup.py",
        old='int(np.searchsorted(first_keys, np.uint64(low), "right")) - 1)',
        new='int(np.searchsorted(first_keys, np.uint64(low), "left")))',
        means="most words find nothing in compacted hours",
        test=f"{_LOOKUP}::test_no_match_is_missed",
    ),
    Mutant(
        "alternative-that-no-index-knows",
        "lake/query/index_terms.py",
        old="            return None if None in children else AnyKey(",
        new="            return AnyKey(",
        means="`lake OR -sea` misses the posts that have neither word where an index is",
        test=f"{_PRUNING}::test_an_index_changes_no_answer",
    ),
    Mutant(
        "posts-of-a-merge-not-shifted",
        f"{_INDEX}/builder.py",
        old="            shifts.append(writer.rows)\n            _copy_posts(reader, writer)\n",
        new="            _copy_posts(reader, writer)\n            shifts.append(writer.rows)\n",
        means="once a day is over, its searches look at other posts than those that match",
        test="tests/lake/textindex/test_builder.py::test_merged_indexes_answer_as_one_that_was_built_at_once",
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
