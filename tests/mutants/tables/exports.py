"""Of exports: all hits, each once, as they are, or visibly broken."""

from tests.mutants.mutant import Mutant

_FORMATS = "tests/lake/export/test_formats.py"
_STREAM = "tests/lake/export/test_stream.py"
_VIEWS = "tests/api/views/test_exports.py"

EXPORTS = (
    Mutant(
        "last-row-of-a-slice-again",
        "lake/export/rows.py",
        old="        last = table.slice(size - 1).select(_KEY).to_pylist()[0]\n",
        new="        last = table.slice(size - 2).select(_KEY).to_pylist()[0]\n",
        means="an export has some posts twice, one for each slice",
        test=f"{_STREAM}::test_an_export_is_the_union_of_the_pages",
    ),
    Mutant(
        "one-row-beyond-the-limit",
        "lake/export/rows.py",
        old="MOST_ROWS if self._left is None else self._left)",
        new="MOST_ROWS if self._left is None else self._left + 1)",
        means="`limit=100` gives 101 rows",
        test=f"{_STREAM}::test_a_limit_ends_an_export",
    ),
    Mutant(
        "tombstones-read-once",
        "lake/export/rows.py",
        old="        self._reader.tombstones.refresh()\n        size = min(",
        new="        if self._resume is None:\n            self._reader.tombstones.refresh()\n        size = min(",
        means="posts that are deleted while a long export runs are in its rest",
        test=f"{_STREAM}::test_a_delete_that_comes_during_an_export_holds_for_what_is_still_to_be_read",
    ),
    Mutant(
        "nul-in-a-cell",
        "lake/export/formats.py",
        old="            body = body.replace(_NUL, _INSTEAD)\n",
        new="            body = body.replace(_NUL, b'')\n",
        means="a text with NUL is changed without a trace in the file",
        test=f"{_FORMATS}::test_csv_comes_back_undamaged_by_the_rules",
    ),
    Mutant(
        "formula-behind-a-tab",
        "lake/export/formats.py",
        old='_FORMULA = "^[=+\\\\-@\\t\\r]"',
        new='_FORMULA = "^[=+\\\\-@\\r]"',
        means="a spreadsheet runs what a stranger has posted",
        test=f"{_FORMATS}::test_each_beginning_of_a_formula_is_guarded",
    ),
    Mutant(
        "broken-told-as-complete",
        "lake/delivery/download.py",
        old="            self._end(Export.State.BROKEN, str(error))\n            raise\n",
        new="            self._end(Export.State.BROKEN, str(error))\n            raise StopIteration from None\n",
        means="an export that fails in the middle ends as if it were whole",
        test=f"{_VIEWS}::test_an_export_that_fails_in_the_middle_ends_with_an_exception",
    ),
    Mutant(
        "hash-of-the-last-block",
        "lake/delivery/download.py",
        old="        self._digest.update(block)\n        if self.measured",
        new="        self._digest = hashlib.sha256(block)\n        if self.measured",
        means="the manifest's sha256 of a large file is of its end alone",
        test=f"{_VIEWS}::test_rows_bytes_and_sha256_are_those_of_the_manifest",
    ),
    Mutant(
        "sent-before-its-digest-is-kept",
        "lake/delivery/download.py",
        old="        self._save_prefix()\n        return block[max(0, self.skip - begin) :]\n",
        new="        return block[max(0, self.skip - begin) :]\n",
        means="a download that broke off begins anew, after gigabytes",
        test="tests/api/views/test_continued_exports.py::test_no_byte_is_sent_before_its_digest_is_kept",
    ),
    Mutant(
        "deleted-row-in-the-rest",
        "lake/delivery/download.py",
        old="        if self.measured and self.measured.digests.get(self._made) != self._digest.hexdigest():\n",
        new="        if self.measured and self._made not in self.measured.digests:\n",
        means="a download that goes on after a deletion is put together from two different files",
        test="tests/api/views/test_continued_exports.py::test_a_deletion_while_the_rest_is_sent_breaks_it_off",
    ),
    Mutant(
        "switched-off-exports-of-lists",
        "api/views/exports.py",
        old='export_enabled:\n            raise PermissionDenied("Exports are switched off; format=json',
        new='page_size:\n            raise PermissionDenied("Exports are switched off; format=json',
        means="while exports are switched off, files of listed posts are still given out",
        test="tests/api/answers/test_listed_rows.py::test_files_are_refused_while_exports_are_off",
    ),
)
