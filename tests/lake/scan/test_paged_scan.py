"""Which stretch of time a piece takes."""

from hypothesis import given
from hypothesis import strategies as st

from lake.scan.paged_scan import FIRST_ROWS, MOST_FILES, MOST_ROWS, next_slice_rows
from lake.scan.paged_scan import slice_end as cut_by
from lake.scan.scan_range import ScanFile


def files(*spans):
    """Files of (rows, first, last), those that begin last first."""
    return [ScanFile(str(n), *span, *span[1:]) for n, span in enumerate(sorted(spans, key=lambda span: -span[1]))]


def cut(files, high, rows):
    return cut_by(files, high, rows, lambda file: file.rows)


def test_a_piece_takes_files_until_they_have_enough_rows():
    assert cut(files((10, 0, 99), (10, 100, 199), (10, 200, 299)), 299, 20) == 99


def test_of_a_large_file_a_piece_takes_the_part_in_proportion():
    assert cut(files((1000, 0, 999)), 999, 100) == 899
    assert cut(files((1000, 0, 999)), 499, 100) == 399


def test_a_piece_takes_all_that_is_left_when_it_is_little():
    assert cut(files((1, 7, 7), (1, 3, 3)), 100, 1000) == 3


def test_a_piece_takes_a_limited_number_of_files_however_small():
    many = files(*((1, time, time) for time in range(1000)))
    assert cut(many, 999, 1_000_000) == 1000 - MOST_FILES


@given(
    st.lists(st.tuples(st.integers(1, 100), st.integers(0, 1000), st.integers(0, 1000)), min_size=1, max_size=100),
    st.integers(0, 2000),
    st.integers(1, 1000),
)
def test_a_piece_always_goes_forward_and_never_below_the_oldest_row(spans, high, rows):
    some = files(*((count, first, first + length) for count, first, length in spans if first <= high))
    if some:
        newest = min(high, max(file.high for file in some))
        assert min(file.low for file in some) <= cut(some, newest, rows) <= newest


def test_files_that_cost_nothing_are_passed_however_many():
    many = files(*((1000, time, time) for time in range(1000)))
    assert cut_by(many, 999, 10, lambda file: 0) == 0
    assert cut_by(many, 999, 10, lambda file: 100 if file.low == 3 else 0) == 3


def test_the_next_piece_follows_from_how_rare_hits_are():
    assert next_slice_rows(FIRST_ROWS, 0, 60, FIRST_ROWS) == 4 * FIRST_ROWS
    assert next_slice_rows(1_000_000, 100, 60, FIRST_ROWS) == 450_000
    assert next_slice_rows(1_000_000, 1_000_000, 60, FIRST_ROWS) == 250_000
    assert next_slice_rows(MOST_ROWS, 0, 60, FIRST_ROWS) == MOST_ROWS
    assert next_slice_rows(FIRST_ROWS, FIRST_ROWS, 60, FIRST_ROWS) == FIRST_ROWS
