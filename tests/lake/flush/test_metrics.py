"""What the flusher tells Prometheus is what the batches say."""

from django.db.models import Sum

from lake import metrics
from lake.models import BatchRun, DataFile
from tests.builders import NOON_US, like, post


def values(metric):
    """By label values."""
    return {(*s.labels.values(),): s.value for s in metric.collect()[0].samples if not s.name.endswith("_created")}


SERIES = (metrics.ROWS, metrics.FILE_BYTES, metrics.JSON_BYTES, metrics.BATCHES, metrics.DEDUPLICATED)


def test_rows_and_bytes_of_committed_batches(lake):
    before = [values(one) for one in SERIES]
    again = post("one", time_us=NOON_US - 9_000_000)
    lake.flush(again, again, post("two"), like("at://x/y/z"))
    lake.flush(post("three"))
    rises = [
        {key: value - old[key] for key, value in values(one).items() if value != old[key]}
        for one, old in zip(SERIES, before, strict=True)
    ]
    sizes = dict(DataFile.objects.order_by().values_list("dataset").annotate(Sum("bytes")))
    assert rises == [
        {("posts",): 3, ("likes",): 1},
        {(dataset,): size for dataset, size in sizes.items()},
        {(): BatchRun.objects.aggregate(size=Sum("bytes_in"))["size"]},
        {("committed",): 2},
        {(): 1},
    ]
