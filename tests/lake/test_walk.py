"""Which stretch of time a piece takes."""

from hypothesis import given
from hypothesis import strategies as st

from lake.hits import File
from lake.walk import MOST_FILES, cut


def files(*spans):
    """Files of (rows, first, last), those that begin last first."""
    return [File(str(n), *span) for n, span in enumerate(sorted(spans, key=lambda span: -span[1]))]


def test_a_piece_takes_files_until_they_have_enough_rows():
    assert cut(files((10, 0, 99), (10, 100, 199), (10, 200, 299)), 299, 20) == 99


def test_of_a_large_file_a_piece_takes_the_part_in_proportion():
    assert cut(files((1000, 0, 1000)), 1000, 100) == 900
    assert cut(files((1000, 0, 1000)), 500, 100) == 450


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
        newest = min(high, max(file.max_us for file in some))
        assert min(file.min_us for file in some) <= cut(some, newest, rows) <= newest
