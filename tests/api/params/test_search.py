"""Parameters of a page: limits and samples."""

from tests.api.params.asking import faults, valid


def test_a_sample_is_one_page():
    assert valid("sample=1000&seed=42")["sample"] == 1000
    assert set(faults("sample=5&page=2")) == {"sample"}


def test_flags_bound_pages():
    assert valid("", page_size=7)["limit"] == 7
    assert "token" in faults("limit=11", result_limit_rows=10)["limit"]
    assert "token" in faults("limit=1001")["limit"]
    assert "token" in faults("limit=10&page=2", result_limit_rows=10)["page"]
    assert valid("", result_limit_rows=10)["limit"] == 10
    assert valid("limit=1000&page=50", result_limit=False)["page"] == 50
    assert set(faults("limit=1001", result_limit=False, result_limit_rows=5000)) == {"limit"}
    assert set(faults("limit=1000&page=101", result_limit=False)) == {"page"}


def test_pages_end_at_a_thousand_rows():
    assert valid("page=20&limit=50")["page"] == 20
    assert "1000" in faults("page=21&limit=50")["page"]
