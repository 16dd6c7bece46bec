"""Parameters of an export."""

from api.params.export import ExportParams
from tests.api.params.asking import faults


def test_only_formats_that_are_there_are_known():
    assert faults("format=xlsx", ExportParams) == {"format": "must be one of csv, ndjson, parquet."}
    assert set(faults("format=parquet&excel=true", ExportParams)) == {"excel"}
