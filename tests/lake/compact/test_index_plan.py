"""Which text indexes there should be."""

from datetime import UTC, datetime

from lake.catalog.listing import ListedFile
from lake.compact.index_plan import plan_indexes
from lake.storage.layout import HOUR

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def listed(hour, name="c-1"):
    return ListedFile("posts", hour, f"{hour:%d-%H}/{name}.parquet", 10, 1000, 0, 0)


def spans(files, now):
    return [(plan.start, (plan.end - plan.start) // HOUR, len(plan.files)) for plan in plan_indexes(files, now)]


def test_hours_have_their_own_index_until_their_day_is_over_and_whole():
    files = [listed(NOON), listed(NOON + HOUR), listed(NOON + 12 * HOUR)]
    midnight = datetime(2026, 7, 2, tzinfo=UTC)
    assert [span[1] for span in spans(files, midnight + 5 * HOUR)] == [1, 1, 1]
    assert spans(files, midnight + 6 * HOUR) == [(NOON, 2, 2), (midnight, 1, 1)]
    late = [*files, listed(NOON, "f-1")]
    assert [span[1] for span in spans(late, midnight + 6 * HOUR)] == [1, 1, 1]
    assert spans([listed(NOON, "f-1")], midnight) == []
